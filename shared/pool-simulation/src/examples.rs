//! Timetables that come with the project.

/// A timetable that comes with the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Example {
    /// Its name.
    pub name: &'static str,
    /// Its file, to be copied and changed.
    pub json: &'static str,
}

/// All of them.
pub const ALL: [Example; 5] = [
    Example { name: "school-day", json: include_str!("../examples/school-day.json") },
    Example { name: "school-week", json: include_str!("../examples/school-week.json") },
    Example { name: "university-week", json: include_str!("../examples/university-week.json") },
    Example { name: "sudden-lecture", json: include_str!("../examples/sudden-lecture.json") },
    Example { name: "school-year", json: include_str!("../examples/school-year.json") },
];

/// The example of this name.
#[must_use]
pub fn find(name: &str) -> Option<Example> {
    ALL.into_iter().find(|example| example.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timetable;

    #[test]
    fn all_can_be_read_and_run() {
        for example in ALL {
            let timetable = Timetable::read(example.json).unwrap();
            assert!(!timetable.about.is_empty());
            timetable.parameters.check().unwrap();
            timetable.load(1).unwrap();
        }
        assert_eq!(find("school-day"), Some(ALL[0]));
        assert_eq!(find("night-school"), None);
    }
}
