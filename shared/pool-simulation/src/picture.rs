//! A picture of demand, capacity and draining servers over time, as SVG.

mod svg;

use svg::{Axis, Svg};

use crate::{DAY, Sample, Study, calendar};

/// The picture's size.
const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 560.0;
/// What is left free for the axes and the legend.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 60.0;
const BOTTOM: f64 = 40.0;
/// Between the two parts.
const GAP: f64 = 40.0;
/// How much of the height is for the seats.
const SEATS_PART: f64 = 0.62;

/// Colours that can be told apart without red and green (Okabe and Ito, 2008).
const DEMAND: &str = "#0072b2";
const CAPACITY: &str = "#333333";
const WAITING: &str = "#d55e00";
const SERVING: &str = "#009e73";
const LAUNCHING: &str = "#e69f00";
const DRAINING: &str = "#cc79a7";

/// A point of time, which may stand for several minutes.
#[derive(Debug, Clone, Copy, Default)]
struct Point {
    wanted: u32,
    waiting: u32,
    capacity: u32,
    serving: u32,
    launching: u32,
    draining: u32,
}

/// Draws a study.
#[must_use]
pub fn draw(study: &Study, title: &str) -> String {
    let seats = study.report.parameters.seats_per_server;
    let minutes = study.samples.len();
    // As many points as can be told apart; where days become narrow, one for each.
    let day = usize::try_from(DAY).unwrap_or(1);
    let step = if minutes > 60 * day { day } else { minutes.div_ceil(1100).max(1) };
    let points: Vec<_> =
        study.samples.chunks(step).zip(study.wanted.chunks(step)).map(|both| point(both, seats)).collect();
    let most = |what: fn(&Point) -> u32| points.iter().map(what).max().unwrap_or(0);
    let middle = TOP + (HEIGHT - TOP - BOTTOM - GAP) * SEATS_PART;
    let across = (LEFT, WIDTH - RIGHT);
    let of_seats = Axis::new(most(|point| point.wanted.max(point.capacity)), (middle, TOP));
    let of_servers =
        Axis::new(most(|point| point.serving + point.launching + point.draining), (HEIGHT - BOTTOM, middle + GAP));
    let mut svg = Svg::new(WIDTH, HEIGHT, title);
    svg.text(LEFT, 24.0, "start", "16", title);
    svg.grid(&of_seats, across, "seats");
    svg.grid(&of_servers, across, "servers");
    days(&mut svg, study, across, (TOP, HEIGHT - BOTTOM));

    svg.area(&of_seats, across, DEMAND, 0.45, points.iter().map(|point| (0, point.wanted)));
    svg.area(&of_seats, across, WAITING, 0.9, points.iter().map(|point| (point.wanted - point.waiting, point.wanted)));
    svg.line(&of_seats, across, CAPACITY, points.iter().map(|point| point.capacity));
    svg.area(&of_servers, across, SERVING, 0.7, points.iter().map(|point| (0, point.serving)));
    let launching = |point: &Point| (point.serving, point.serving + point.launching);
    svg.area(&of_servers, across, LAUNCHING, 0.9, points.iter().map(launching));
    let draining = |point: &Point| {
        let below = point.serving + point.launching;
        (below, below + point.draining)
    };
    svg.area(&of_servers, across, DRAINING, 0.9, points.iter().map(draining));
    legend(&mut svg);
    svg.finish()
}

fn point((samples, wanted): (&[Sample], &[u32]), seats: u32) -> Point {
    let servers = |sample: &Sample| sample.serving + sample.launching + sample.draining;
    let busiest = samples.iter().max_by_key(|sample| (servers(sample), sample.serving)).copied().unwrap_or_default();
    let serving = samples.iter().map(|sample| sample.serving);
    // What was missing for a minute is to be seen; of hours, only whether it was there at all.
    let there = if samples.len() <= FINE { serving.min() } else { serving.max() };
    let wanted = wanted.iter().copied().max().unwrap_or(0);
    Point {
        wanted,
        waiting: samples.iter().map(|sample| sample.waiting).max().unwrap_or(0).min(wanted),
        capacity: there.unwrap_or(0) * seats,
        serving: busiest.serving,
        launching: busiest.launching,
        draining: busiest.draining,
    }
}

/// Up to how many minutes a point stands for the worst of them.
const FINE: usize = 15;

/// Lines where days or hours begin, with their names where there is room.
fn days(svg: &mut Svg, study: &Study, (left, right): (f64, f64), down: (f64, f64)) {
    let Ok(first) = calendar::date(&study.report.from) else { return };
    let minutes = u32::try_from(study.samples.len()).unwrap_or(u32::MAX).max(1);
    let at = |minute: u32| left + (right - left) * f64::from(minute) / f64::from(minutes);
    let days = minutes / DAY;
    if days <= 2 {
        for hour in (0..minutes).step_by(120) {
            svg.mark(at(hour), down, &format!("{:02}:00", hour / 60 % 24));
        }
        return;
    }
    let every = days.div_ceil(14).next_multiple_of(if days > 14 { 7 } else { 1 });
    for day in (0..days).filter(|day| day % every == 0) {
        let date = calendar::day_after(first, day);
        let weekday = date.weekday().to_string();
        let name = if days > 14 { date.to_string() } else { format!("{} {date}", weekday.get(..3).unwrap_or("")) };
        svg.mark(at(day * DAY), down, &name);
    }
}

fn legend(svg: &mut Svg) {
    let entries = [
        (DEMAND, "people in meetings"),
        (WAITING, "without a seat"),
        (CAPACITY, "seats"),
        (SERVING, "servers serving"),
        (LAUNCHING, "launching"),
        (DRAINING, "draining"),
    ];
    for (place, (colour, name)) in (0_u8..).zip(entries) {
        let x = LEFT + 150.0 * f64::from(place);
        svg.swatch(x, 36.0, colour);
        svg.text(x + 18.0, 46.0, "start", "12", name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Prices, Timetable, examples, study};

    #[test]
    fn a_picture_is_one_svg_without_numbers_that_are_none() {
        let timetable = Timetable::read(examples::ALL[0].json).unwrap();
        let load = timetable.load(1).unwrap();
        let study = study(&load, &timetable.parameters, &Prices::built_in().unwrap()).unwrap();
        let svg = draw(&study, "a < b & \"c\"");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }
}
