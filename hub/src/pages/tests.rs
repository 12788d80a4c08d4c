//! Every colour that stands on another has the contrast that WCAG AA asks for, on the light ground and on the dark one:
//! 4.5 for text, 3 for what only has to be seen. Computed from the stylesheet itself.

const CSS: &str = include_str!("../../assets/app.css");

/// Text on what it stands on.
const TEXT: &[(&str, &str)] = &[
    ("ink", "ground"),
    ("ink", "paper"),
    ("ink", "plain-ground"),
    ("quiet", "ground"),
    ("quiet", "paper"),
    ("quiet", "plain-ground"),
    ("link", "ground"),
    ("link", "paper"),
    ("link", "plain-ground"),
    ("release", "release-ground"),
    ("stop", "stop-ground"),
    ("stop", "paper"),
    ("ask", "ask-ground"),
    ("button-ink", "button"),
    ("paper", "stop"),
];

/// Edges of fields, the ring of the focus, marks without words.
const SHAPES: &[(&str, &str)] = &[
    ("edge", "paper"),
    ("edge", "ground"),
    ("focus", "paper"),
    ("focus", "ground"),
    ("release", "paper"),
    ("stop", "paper"),
    ("button", "paper"),
];

/// The colour of this name on the light ground and on the dark one.
fn colours(name: &str) -> [[u8; 3]; 2] {
    let (_, rest) = CSS.split_once(&format!("--{name}: ")).unwrap_or_else(|| panic!("app.css has no --{name}"));
    let value = rest.split(';').next().unwrap();
    let pair = value.strip_prefix("light-dark(").and_then(|pair| pair.strip_suffix(')'));
    let (light, dark) = pair.and_then(|pair| pair.split_once(", ")).unwrap_or((value, value));
    [rgb(light), rgb(dark)]
}

fn rgb(hex: &str) -> [u8; 3] {
    let value = u32::from_str_radix(hex.strip_prefix('#').unwrap(), 16).unwrap();
    let [_, r, g, b] = value.to_be_bytes();
    [r, g, b]
}

fn luminance(colour: [u8; 3]) -> f64 {
    let linear = |part: u8| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    };
    let [r, g, b] = colour.map(linear);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn every_text_and_every_shape_stands_out_on_both_grounds() {
    let wanted = [(TEXT, 4.5), (SHAPES, 3.0)];
    for ((front, back), least) in wanted.iter().flat_map(|(pairs, least)| pairs.iter().map(move |pair| (pair, least))) {
        let (front_colours, back_colours) = (colours(front), colours(back));
        for (ground, place) in [("light", 0), ("dark", 1)] {
            let found = contrast(front_colours[place], back_colours[place]);
            assert!(found >= *least, "{front} on {back} has {found:.2} on the {ground} ground; {least} is needed");
        }
    }
}

#[test]
fn the_contrast_is_that_of_the_standard() {
    assert!((contrast(rgb("#000000"), rgb("#ffffff")) - 21.0).abs() < 0.01);
    assert!((contrast(rgb("#777777"), rgb("#ffffff")) - 4.48).abs() < 0.01);
}

#[test]
fn no_colour_is_written_outside_the_palette() {
    let (palette, rest) = CSS.split_once("  --radius").unwrap();
    assert!(palette.contains("light-dark("));
    let others = [include_str!("../../assets/work.css"), include_str!("../../assets/parts.css")];
    let lines = others.into_iter().chain([rest]).flat_map(str::lines);
    let stray: Vec<&str> = lines.filter(|line| line.contains(": #")).collect();
    assert!(stray.is_empty(), "{stray:?}");
}
