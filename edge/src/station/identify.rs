//! What the codes of one scan stand for: read, put to the vote, looked up.
//!
//! A text that may be a product's number is a parcel's only when no parcel known here has that product inside. Of
//! several codes in one frame every one must be accounted for: the parcel's own, a piece of it, goods, or no number of
//! a parcel at all. One that may be another parcel's makes the whole frame ambiguous, known or not.

use crate::replica::{Lookup, Replica, ReplicaError, View};
use packline_protocol::code::{CodeError, CodeKind, Courier, Entry, ScanCode, Vote, canonical, vote};
use packline_protocol::facts::{CodeClass, CodeRole, Parcel};
use packline_protocol::id::{ParcelId, SiteId};
use std::sync::Arc;

/// The longest code text that a record keeps, in characters; the raw bytes beside it are whole.
const TEXT_MAX: usize = 128;

/// What the codes of one scan stand for.
#[derive(Debug)]
pub struct Identified {
    /// What the code turned out to be.
    pub class: CodeClass,
    /// The code in canonical form; empty for a no-read.
    pub text: String,
    /// The parcel, when there is exactly one.
    pub parcel: Option<Box<Parcel>>,
    /// The parcel and its site, when another site packs it.
    pub elsewhere: Option<(ParcelId, SiteId)>,
    /// Couriers whose numbers look like this one, when a waybill was scanned.
    pub hints: Vec<String>,
    /// A bench code: not to be judged.
    pub bench: Option<CodeKind>,
    /// The state of the replica that said so.
    pub view: Arc<View>,
}

/// Identifies a scan by the codes of its frame; none means that nothing was read.
pub fn identify(codes: &[Vec<u8>], entry: Entry, replica: &Replica) -> Result<Identified, ReplicaError> {
    let read: Vec<Result<ScanCode, CodeError>> = codes.iter().map(|code| ScanCode::parse(code, entry)).collect();
    let readable: Vec<ScanCode> = read.into_iter().flatten().collect();
    let Some(vote) = vote(&readable) else {
        // A frame without codes is a no-read; codes that break their own symbology's rules are no parcel's.
        let class = if codes.is_empty() { CodeClass::NoRead } else { CodeClass::NotAParcel };
        let text = codes.first().map(|code| shortened(&String::from_utf8_lossy(code))).unwrap_or_default();
        let view = replica.view();
        return Ok(Identified { class, text, parcel: None, elsewhere: None, hints: Vec::new(), bench: None, view });
    };
    match vote {
        Vote::One(index) => one(&readable, index, replica),
        Vote::NoParcel(index) => one(&readable, index, replica),
        Vote::Several(indices) => several(&readable, &indices, replica),
    }
}

fn one(codes: &[ScanCode], index: usize, replica: &Replica) -> Result<Identified, ReplicaError> {
    let code = codes.get(index).expect("the vote chose one of these codes");
    let keys = code.lookup_keys();
    let (view, (found, is_article)) = replica.look(|view| Ok((view.lookup(&keys)?, is_article(code, view)?)))?;
    let class = class(code, &keys, &found, is_article);
    let found = if class == CodeClass::Ambiguous { Lookup::None } else { found };
    let bench = matches!(code.kind, CodeKind::Action(_) | CodeKind::Badge(_) | CodeKind::Reason(_));
    let (parcel, elsewhere) = match found {
        Lookup::One(parcel) => (Some(parcel), None),
        Lookup::Elsewhere { parcel, site } => (None, Some((parcel, site))),
        Lookup::None | Lookup::Many(_) => (None, None),
    };
    let hints = hints(code, &keys, parcel.as_deref());
    let text = shortened(keys.first().map_or(&code.text, |key| key));
    let text = if class == CodeClass::NoRead { String::new() } else { text };
    Ok(Identified { class, text, parcel, elsewhere, hints, bench: bench.then(|| code.kind.clone()), view })
}

/// Codes that name different numbers: only when all that may be a parcel's stand for the same one is it that parcel.
fn several(codes: &[ScanCode], indices: &[usize], replica: &Replica) -> Result<Identified, ReplicaError> {
    let mut known: Option<Identified> = None;
    let mut unknown: Vec<(&ScanCode, Identified)> = Vec::new();
    for index in indices {
        let found = one(codes, *index, replica)?;
        match (&found.class, &known) {
            (CodeClass::Parcel | CodeClass::OtherSite, None) => known = Some(found),
            (CodeClass::Parcel | CodeClass::OtherSite, Some(first)) if same_parcel(first, &found) => {}
            (CodeClass::Parcel | CodeClass::OtherSite | CodeClass::Ambiguous, _) => return Ok(ambiguous(found)),
            _ => unknown.push((&codes[*index], found)),
        }
    }
    let Some(known) = known else {
        let (_, first) = unknown.swap_remove(0);
        return Ok(first);
    };
    let other = unknown.into_iter().find(|(code, found)| may_be_another(code, found, &known));
    Ok(other.map_or(known, |(_, other)| ambiguous(other)))
}

/// The fewest characters and digits of a number that may be a parcel's although no courier's look fits it.
const NUMBER_MIN: (usize, usize) = (8, 6);

/// Whether an unknown code beside the known parcel's may be the number of another parcel. Bars that were cut are a piece
/// of the known number, and goods may carry their article number.
fn may_be_another(code: &ScanCode, unknown: &Identified, known: &Identified) -> bool {
    if unknown.class != CodeClass::Unknown {
        return false;
    }
    let text = unknown.text.as_str();
    let parcel = known.parcel.as_deref();
    let own = parcel.into_iter().flat_map(|parcel| &parcel.codes).map(|own| own.text.as_str());
    let is_piece = own.chain([known.text.as_str()]).any(|own| own.contains(text));
    let lines = parcel.into_iter().flat_map(|parcel| parcel.lines.iter().map(|line| line.sku.as_str()));
    let gifts = parcel.into_iter().flat_map(|parcel| parcel.gifts.iter().map(|gift| gift.sku.as_str()));
    let is_inside = lines.chain(gifts).any(|sku| canonical(sku) == text);
    let (characters, digits) = (text.chars().count(), text.bytes().filter(u8::is_ascii_digit).count());
    let is_number = characters >= NUMBER_MIN.0 && digits >= NUMBER_MIN.1 || !code.courier_hints().is_empty();
    is_number && !is_piece && !is_inside
}

/// Whether the code's text may be the number of a product that a parcel known here has inside.
fn is_article(code: &ScanCode, view: &View) -> Result<bool, ReplicaError> {
    match &code.kind {
        CodeKind::Ambiguous { as_item, .. } => view.has_article(as_item),
        _ => Ok(false),
    }
}

fn same_parcel(one: &Identified, other: &Identified) -> bool {
    let id = |found: &Identified| found.parcel.as_ref().map(|parcel| parcel.id);
    (id(one), &one.elsewhere) == (id(other), &other.elsewhere)
}

fn ambiguous(found: Identified) -> Identified {
    Identified { class: CodeClass::Ambiguous, parcel: None, elsewhere: None, hints: Vec::new(), ..found }
}

fn class(code: &ScanCode, keys: &[String], found: &Lookup, is_article: bool) -> CodeClass {
    match (&code.kind, found) {
        (CodeKind::NoRead, _) => CodeClass::NoRead,
        (CodeKind::Action(_) | CodeKind::Badge(_) | CodeKind::Reason(_), _) => CodeClass::NotAParcel,
        (CodeKind::NotAWaybill(_), _) => CodeClass::NotAParcel,
        // A parcel's number and a product's: which of them was scanned, nobody can tell.
        (CodeKind::Ambiguous { .. }, Lookup::One(_) | Lookup::Elsewhere { .. }) if is_article => CodeClass::Ambiguous,
        (CodeKind::Ambiguous { .. }, Lookup::None) if is_article => CodeClass::Item,
        (_, Lookup::One(_)) => CodeClass::Parcel,
        (_, Lookup::Many(_)) => CodeClass::Ambiguous,
        (_, Lookup::Elsewhere { .. }) => CodeClass::OtherSite,
        (CodeKind::Item(_), Lookup::None) => CodeClass::Item,
        // It may be a product, or a parcel that is not known here: nobody can tell.
        (CodeKind::Ambiguous { .. }, Lookup::None) => CodeClass::Ambiguous,
        (CodeKind::Gs1(_) | CodeKind::DigitalLink(_), Lookup::None) if code.gtin().is_some() => CodeClass::Item,
        (CodeKind::DigitalLink(_), Lookup::None) if keys.is_empty() => CodeClass::NotAParcel,
        (CodeKind::Gs1(_) | CodeKind::DigitalLink(_) | CodeKind::Number(_), Lookup::None) => CodeClass::Unknown,
    }
}

/// A number that is not the parcel's waybill says nothing about its courier, whatever it looks like.
fn hints(code: &ScanCode, keys: &[String], parcel: Option<&Parcel>) -> Vec<String> {
    let other_role = parcel.is_some_and(|parcel| {
        let scanned = parcel.codes.iter().find(|known| keys.contains(&known.text));
        scanned.is_some_and(|known| known.kind != CodeRole::Waybill)
    });
    if other_role {
        return Vec::new();
    }
    code.courier_hints().into_iter().map(Courier::name).map(str::to_owned).collect()
}

fn shortened(text: &str) -> String {
    let plain: String = text.chars().take(TEXT_MAX * 2).collect();
    canonical(&plain).chars().take(TEXT_MAX).collect()
}
