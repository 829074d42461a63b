//! Lines over time, as an SVG that can be read on light and on dark ground.

use std::fmt::Write;

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    /// The same thing has the same colour in every plot.
    pub(crate) colour: usize,
    pub(crate) dashed: bool,
    pub(crate) thick: bool,
    /// In seconds and shares, both rising; drawn as steps.
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 600.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 350.0;

/// Colours that colour-blind people can tell apart (after Okabe and Ito), darkened for light ground and
/// lightened for dark ground.
const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#57606a}.title{font-size:15px;font-weight:600;fill:#24292f}\
.grid{stroke:#57606a;stroke-opacity:.25}.line{fill:none;stroke-width:1.8;stroke-linejoin:round}\
.thick{stroke-width:3}.dashed{stroke-dasharray:6 4}\
.c0{stroke:#57606a}.c1{stroke:#a6611a}.c2{stroke:#c44536}.c3{stroke:#8a3ffc}.c4{stroke:#b5179e}\
.c5{stroke:#00735c}.c6{stroke:#3d94d9}.c7{stroke:#0b3f8f}\
@media(prefers-color-scheme:dark){text{fill:#9da7b1}.title{fill:#e6edf3}.grid{stroke:#9da7b1}\
.c0{stroke:#adb6bf}.c1{stroke:#e0a458}.c2{stroke:#ff7b6b}.c3{stroke:#b794ff}.c4{stroke:#f08bdc}\
.c5{stroke:#3ddbb4}.c6{stroke:#58a6ff}.c7{stroke:#cfe5ff}}";

/// A plot of shares (0 to 1) over `seconds`.
pub(crate) fn svg(title: &str, x_label: &str, seconds: f64, lines: &[Line]) -> String {
    let x = |at: f64| LEFT + (RIGHT - LEFT) * at.min(seconds) / seconds;
    let y = |share: f64| BOTTOM - (BOTTOM - TOP) * share;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-label=\"{0}\">\n<title>{0}</title>\n<style>{STYLE}</style>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"24\">{0}</text>\n",
        escaped(title)
    );
    for fifth in 0..=5 {
        let share = f64::from(fifth) / 5.0;
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {0:.1}H{RIGHT}\"/>\
             <text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{3} %</text>",
            y(share),
            LEFT - 8.0,
            y(share) + 4.0,
            fifth * 20
        );
    }
    let step = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0];
    let step = step.into_iter().find(|step| seconds / step <= 10.0).unwrap_or(50.0);
    for tick in 0..=(seconds / step + 1e-9) as u32 {
        let at = f64::from(tick) * step;
        let shown = if step < 1.0 { format!("{at:.1}") } else { format!("{at:.0}") };
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{0:.1} {BOTTOM}v5\"/>\
             <text x=\"{0:.1}\" y=\"{1}\" text-anchor=\"middle\">{shown}</text>",
            x(at),
            BOTTOM + 20.0
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        (LEFT + RIGHT) / 2.0,
        BOTTOM + 40.0,
        escaped(x_label)
    );
    for (number, line) in lines.iter().enumerate() {
        let class = format!(
            "line c{}{}{}",
            line.colour,
            if line.thick { " thick" } else { "" },
            if line.dashed { " dashed" } else { "" }
        );
        let _ = writeln!(svg, "<path class=\"{class}\" d=\"{}\"/>", path(line, seconds, x, y));
        let row = TOP + 10.0 + 26.0 * number as f64;
        let last = line.points.iter().rev().find(|(at, _)| *at <= seconds).map_or(0.0, |(_, share)| *share);
        let _ = writeln!(
            svg,
            "<path class=\"{class}\" d=\"M{0} {row}h26\"/><text x=\"{1}\" y=\"{2}\">{3} ({4:.0} %)</text>",
            RIGHT + 16.0,
            RIGHT + 50.0,
            row + 4.0,
            escaped(&line.name),
            last * 100.0
        );
    }
    svg + "</svg>\n"
}

/// Steps, without those that nobody could see.
fn path(line: &Line, seconds: f64, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let mut path = format!("M{:.1} {:.1}", x(0.0), y(0.0));
    let (mut drawn_x, mut drawn_y) = (x(0.0), y(0.0));
    let shown = line.points.iter().filter(|(at, _)| *at <= seconds);
    let mut last = drawn_y;
    for (at, share) in shown {
        let (to_x, to_y) = (x(*at), y(*share));
        last = to_y;
        if to_x - drawn_x >= 0.5 || drawn_y - to_y >= 1.0 {
            let _ = write!(path, "H{to_x:.1}V{to_y:.1}");
            (drawn_x, drawn_y) = (to_x, to_y);
        }
    }
    let _ = write!(path, "V{last:.1}H{:.1}", x(seconds));
    path
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
