//! The few shapes that the picture is made of.

/// An SVG that is being written.
#[derive(Debug)]
pub(super) struct Svg {
    text: String,
    width: f64,
}

/// How wide a mark's name is at most.
const LABEL: f64 = 90.0;

/// A scale of whole numbers from 0 up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    most: u32,
    step: u32,
    bottom: f64,
    top: f64,
}

impl Axis {
    /// A scale that reaches a number, and at most its half more, with four to eight steps of 1, 2 or 5.
    pub(super) fn new(most: u32, (bottom, top): (f64, f64)) -> Self {
        let most = most.max(1);
        let steps = (0..9).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u32.pow(power)));
        let step = steps.into_iter().find(|step| most.div_ceil(*step) <= 6).unwrap_or(most);
        Self { most: most.div_ceil(step) * step, step, bottom, top }
    }

    fn y(&self, number: u32) -> f64 {
        self.bottom + (self.top - self.bottom) * f64::from(number) / f64::from(self.most)
    }
}

impl Svg {
    pub(super) fn new(width: f64, height: f64, title: &str) -> Self {
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\">\n\
             <title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
            escape(title)
        );
        Self { text, width }
    }

    pub(super) fn text(&mut self, x: f64, y: f64, anchor: &str, size: &str, text: &str) {
        let text = escape(text);
        self.push(&format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" fill=\"#222222\">{text}</text>"));
    }

    /// Horizontal lines with their numbers, and what they count.
    pub(super) fn grid(&mut self, axis: &Axis, (left, right): (f64, f64), name: &str) {
        for number in (0..=axis.most).step_by(usize::try_from(axis.step).unwrap_or(1)) {
            let y = axis.y(number);
            self.push(&format!("<path d=\"M{left:.1} {y:.1}H{right:.1}\" stroke=\"#dddddd\" fill=\"none\"/>"));
            self.text(left - 8.0, y + 4.0, "end", "12", &number.to_string());
        }
        let middle = f64::midpoint(axis.top, axis.bottom);
        self.push(&format!(
            "<text transform=\"translate(18 {middle:.1}) rotate(-90)\" text-anchor=\"middle\" font-size=\"13\" fill=\"#222222\">{}</text>",
            escape(name)
        ));
    }

    /// A vertical line with its name below.
    pub(super) fn mark(&mut self, x: f64, (top, bottom): (f64, f64), name: &str) {
        self.push(&format!("<path d=\"M{x:.1} {top:.1}V{bottom:.1}\" stroke=\"#cccccc\" fill=\"none\"/>"));
        if x + LABEL <= self.width {
            self.text(x + 3.0, bottom + 18.0, "start", "11", name);
        }
    }

    pub(super) fn swatch(&mut self, x: f64, y: f64, colour: &str) {
        self.push(&format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"12\" height=\"12\" fill=\"{colour}\"/>"));
    }

    /// What lies between two numbers, from left to right, in steps. What is empty all the way is not drawn.
    pub(super) fn area(
        &mut self,
        axis: &Axis,
        across: (f64, f64),
        colour: &str,
        opacity: f64,
        bands: impl ExactSizeIterator<Item = (u32, u32)>,
    ) {
        let count = bands.len();
        let mut path = String::new();
        let mut run: Option<(usize, (u32, u32))> = None;
        let closed = bands.map(Some).chain([None]).enumerate();
        for (place, band) in closed {
            if run.is_some_and(|(_, same)| Some(same) == band) {
                continue;
            }
            if let Some((from, (low, high))) = run.filter(|(_, (low, high))| low < high) {
                let (left, right) = (x(from, count, across), x(place, count, across));
                path += &format!("M{left:.1} {:.1}V{:.1}H{right:.1}V{:.1}Z", axis.y(low), axis.y(high), axis.y(low));
            }
            run = band.map(|band| (place, band));
        }
        if !path.is_empty() {
            self.push(&format!("<path d=\"{path}\" fill=\"{colour}\" fill-opacity=\"{opacity}\"/>"));
        }
    }

    /// A number over time, in steps.
    pub(super) fn line(
        &mut self,
        axis: &Axis,
        across: (f64, f64),
        colour: &str,
        numbers: impl ExactSizeIterator<Item = u32>,
    ) {
        let count = numbers.len();
        let mut path = String::new();
        let mut last = None;
        for (place, number) in numbers.enumerate() {
            if last != Some(number) {
                let command =
                    if place == 0 { format!("M{:.1} ", across.0) } else { format!("H{:.1}V", x(place, count, across)) };
                path += &format!("{command}{:.1}", axis.y(number));
                last = Some(number);
            }
        }
        path += &format!("H{:.1}", across.1);
        self.push(&format!("<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"));
    }

    pub(super) fn finish(mut self) -> String {
        self.text += "</svg>\n";
        self.text
    }

    fn push(&mut self, element: &str) {
        self.text += element;
        self.text.push('\n');
    }
}

/// Where the place of so many begins.
fn x(place: usize, count: usize, (left, right): (f64, f64)) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "there are no 2^52 points")]
    let part = place as f64 / count.max(1) as f64;
    left + (right - left) * part
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_steps_and_reaches_its_number() {
        for (most, step, end) in [(0, 1, 1), (6, 1, 6), (7, 2, 8), (922, 200, 1000), (13, 5, 15), (2600, 500, 3000)] {
            let axis = Axis::new(most, (100.0, 0.0));
            assert_eq!((axis.step, axis.most), (step, end), "{most}");
        }
    }
}
