//! Pixels of a screen, and what can be said of them.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Red, green, blue.
pub type Colour = [u8; 3];

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Left edge.
    pub x: usize,
    /// Upper edge.
    pub y: usize,
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl Area {
    /// The same without a margin on every side.
    #[must_use]
    pub fn inside(self, margin: usize) -> Area {
        Area {
            x: self.x + margin,
            y: self.y + margin,
            width: self.width.saturating_sub(2 * margin),
            height: self.height.saturating_sub(2 * margin),
        }
    }
}

/// A screenshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    size: (usize, usize),
    bytes: Vec<u8>,
}

impl Picture {
    /// Three bytes a pixel, row by row.
    ///
    /// # Panics
    /// If there are more or fewer bytes than that.
    #[track_caller]
    pub fn new(size: (usize, usize), bytes: Vec<u8>) -> Picture {
        assert_eq!(bytes.len(), size.0 * size.1 * 3, "three bytes a pixel");
        Picture { size, bytes }
    }

    /// The colour of a pixel; black outside.
    pub fn at(&self, x: usize, y: usize) -> Colour {
        let start = (y * self.size.0 + x) * 3;
        match self.bytes.get(start..start + 3) {
            Some(&[red, green, blue]) if x < self.size.0 => [red, green, blue],
            _ => [0; 3],
        }
    }

    fn pixels(&self, area: Area) -> impl Iterator<Item = Colour> {
        let rows = area.y..area.y + area.height;
        rows.flat_map(move |y| (area.x..area.x + area.width).map(move |x| self.at(x, y)))
    }

    /// How many pixels of an area differ from another picture.
    pub fn changed(&self, other: &Picture, area: Area) -> usize {
        self.pixels(area).zip(other.pixels(area)).filter(|(one, two)| one != two).count()
    }

    /// How many pixels of an area have this colour, give or take `slack` in each channel.
    pub fn count(&self, area: Area, colour: Colour, slack: u8) -> usize {
        let near = |pixel: &Colour| pixel.iter().zip(colour).all(|(one, two)| one.abs_diff(two) <= slack);
        self.pixels(area).filter(near).count()
    }

    /// The colour of most pixels of an area.
    pub fn dominant(&self, area: Area) -> Colour {
        let mut counts: HashMap<Colour, usize> = HashMap::new();
        self.pixels(area).for_each(|pixel| *counts.entry(pixel).or_default() += 1);
        counts.into_iter().max_by_key(|&(colour, count)| (count, colour)).map_or([0; 3], |(colour, _)| colour)
    }

    /// Writes it as PNG, for people to look at.
    ///
    /// # Panics
    /// If `convert` of ImageMagick cannot.
    #[track_caller]
    pub fn save(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().unwrap_or(path)).expect("a folder for pictures");
        let size = format!("{}x{}", self.size.0, self.size.1);
        let mut convert = Command::new("convert")
            .args(["-size", &size, "-depth", "8", "rgb:-"])
            .arg(path)
            .stdin(Stdio::piped())
            .spawn()
            .expect("convert can be started");
        // Dropped after the writing, so that convert sees the end.
        let written = convert.stdin.take().map(|mut input| input.write_all(&self.bytes));
        let ended = convert.wait().expect("convert ends");
        assert!(ended.success() && matches!(written, Some(Ok(()))), "{} was not written", path.display());
    }
}

/// `#rrggbb` as a colour.
///
/// # Panics
/// If it is none.
#[track_caller]
pub fn colour(text: &str) -> Colour {
    let number = u32::from_str_radix(text.trim_start_matches('#'), 16).expect("a colour of six hexadecimal digits");
    let [_, red, green, blue] = number.to_be_bytes();
    [red, green, blue]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_pixel_is_counted_only_inside_the_area() {
        let black = Picture::new((4, 2), vec![0; 24]);
        let mut bytes = vec![0; 24];
        bytes[3 * 5] = 9;
        let other = Picture::new((4, 2), bytes);
        let all = Area { x: 0, y: 0, width: 4, height: 2 };
        assert_eq!(black.changed(&other, all), 1);
        assert_eq!(black.changed(&other, Area { width: 1, ..all }), 0);
        assert_eq!(other.at(1, 1), [9, 0, 0]);
        assert_eq!(other.dominant(all), [0; 3]);
        assert_eq!(other.count(all, [8, 0, 0], 1), 1);
        assert_eq!(colour("#0a10ff"), [10, 16, 255]);
    }
}
