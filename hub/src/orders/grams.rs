//! Full-text search that works for Chinese, on any engine: which texts an order has, and how texts are cut for the index.
//!
//! Why an index of our own. SQLite's FTS5 and PostgreSQL's full-text search agree on nothing (syntax, ranking, what a
//! word is), neither cuts Chinese into words, and the trigram tools of both miss words of two characters, which is what
//! most Chinese words are. What people search in orders is little text that repeats without end: a shop with a million
//! orders has some thousand articles and labels. So each distinct text is kept once, under the hash of itself, and is
//! cut into single characters and pairs; an order only keeps the numbers of its texts. A question is answered in two
//! steps, both by plain index look-ups: pairs -> texts (checked character by character, so that a hit is a hit), texts
//! -> orders. Adding an order whose texts are known writes three or four small rows and reads nothing.
//!
//! What it does not do: rank, correct typing errors, or join words across two texts.

use super::model::Order;
use std::collections::BTreeSet;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextKind {
    /// A shop.
    Shop,
    /// An article: its number, a line break, its title.
    Item,
    /// A label.
    Tag,
}

impl TextKind {
    /// As the database has it.
    pub fn word(self) -> &'static str {
        match self {
            TextKind::Shop => "shop",
            TextKind::Item => "item",
            TextKind::Tag => "tag",
        }
    }
}

/// A text that orders have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text {
    /// The hash of kind and body.
    pub id: i64,
    /// What it is.
    pub kind: TextKind,
    /// As it was told.
    pub body: String,
}

impl Text {
    /// The text with its hash.
    pub fn new(kind: TextKind, body: impl Into<String>) -> Text {
        let body = body.into();
        Text { id: text_id(kind, &body), kind, body }
    }
}

/// The number of a text: a hash, so that nobody has to ask the database for it. 63 bits: among a million texts two share
/// a number once in twenty million databases, and then one of them is found with the other's orders.
pub fn text_id(kind: TextKind, body: &str) -> i64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind.word().as_bytes()).update(&[0]).update(body.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    (u64::from_le_bytes(first) >> 1).cast_signed()
}

/// Every text of an order, once.
pub fn texts_of(order: &Order) -> BTreeSet<Text> {
    let item = |sku: &str, title: &str| Text::new(TextKind::Item, format!("{sku}\n{title}"));
    let shop = order.shop.iter().map(|shop| Text::new(TextKind::Shop, shop.as_str()));
    let lines = order.lines.iter().map(|line| item(&line.sku, &line.title));
    let gifts = order.gifts.iter().map(|gift| item(&gift.sku, &gift.title));
    let tags = order.tags.iter().map(|tag| Text::new(TextKind::Tag, tag.as_str()));
    shop.chain(lines).chain(gifts).chain(tags).collect()
}

/// A text as searches compare it: one case, one width, no blanks within a line.
pub fn plain(text: &str) -> String {
    let narrow = |c: char| match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        c => c,
    };
    let kept = text.chars().map(narrow).filter(|c| *c == '\n' || !c.is_whitespace() && !c.is_control());
    kept.flat_map(char::to_lowercase).collect()
}

/// Every character and every pair of neighbours of a text; none across a line break.
pub fn grams(body: &str) -> BTreeSet<String> {
    let mut grams = BTreeSet::new();
    for line in plain(body).lines() {
        let characters: Vec<char> = line.chars().collect();
        grams.extend(characters.iter().map(ToString::to_string));
        grams.extend(characters.windows(2).map(|pair| pair.iter().collect::<String>()));
    }
    grams
}

/// Two grams of a searched word that are together in few texts that do not have the word: its ends.
pub fn ends(word: &str) -> Option<(String, String)> {
    let characters: Vec<char> = word.chars().collect();
    let pair = |pair: &[char]| pair.iter().collect::<String>();
    match characters.as_slice() {
        [] => None,
        [one] => Some((one.to_string(), one.to_string())),
        many => Some((pair(&many[..2]), pair(&many[many.len() - 2..]))),
    }
}

/// Whether a text has this word in it; `article` only looks at article numbers.
pub fn has(kind: &str, body: &str, word: &str, article: bool) -> bool {
    if article {
        let number = body.split('\n').next().unwrap_or_default();
        return kind == TextKind::Item.word() && plain(number).contains(word);
    }
    plain(body).lines().any(|line| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, word: &str, expected: bool) {
        let word = plain(word);
        let (first, last) = ends(&word).unwrap();
        let all = grams(body);
        let found = all.contains(&first) && all.contains(&last) && has("item", body, &word, false);
        assert_eq!(found, expected, "{word} in {body}");
    }

    #[test]
    fn words_are_found_wherever_they_stand_in_a_text() {
        check("TEA-01\n武夷山 大红袍 茶叶礼盒", "大红袍", true);
        check("TEA-01\n武夷山 大红袍 茶叶礼盒", "红袍茶", true);
        check("TEA-01\n武夷山大红袍", "茶", false);
        check("TEA-01\n武夷山大红袍", "tea", true);
        check("TEA-01\n武夷山大红袍", "ｔｅａ－０１", true);
        check("TEA-01\n武夷山大红袍", "山", true);
        check("TEA-01\n武夷山大红袍", "武红", false);
        check("AB\nBA", "bb", false);
        check("abxcd", "abcd", false);
    }

    #[test]
    fn an_article_number_is_not_looked_for_in_titles() {
        assert!(has("item", "CUP-7\nmug", "cup", true));
        assert!(!has("item", "MUG-7\ncup", "cup", true));
        assert!(!has("shop", "cup", "cup", true));
    }

    #[test]
    fn a_number_is_a_hash_of_kind_and_body() {
        assert_eq!(text_id(TextKind::Tag, "vip"), text_id(TextKind::Tag, "vip"));
        assert_ne!(text_id(TextKind::Tag, "vip"), text_id(TextKind::Shop, "vip"));
        assert!(text_id(TextKind::Tag, "vip") >= 0);
    }
}
