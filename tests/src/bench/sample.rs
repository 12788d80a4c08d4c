//! Parcels as a busy day has them: made up, but as varied as real ones, so that look-ups miss and bytes do not compress
//! better than they would.

use packline_protocol::amount::Amount;
use packline_protocol::change::Row;
use packline_protocol::facts::{
    AddressState, CodeRole, Gift, GiftStatus, Line, OrderStatus, Parcel, ParcelCode, ParcelStatus, Part, Picked,
    RefundState,
};
use packline_protocol::id::{OrderId, ParcelId};
use packline_protocol::samples;
use packline_protocol::time::Timestamp;

/// Articles in the catalogue.
const ARTICLES: u64 = 3_000;
/// Gifts in the campaigns of a month.
const GIFTS: u64 = 40;
const KINDS: [&str; 8] = ["保温杯", "帆布袋", "面霜", "洗发水", "坚果礼盒", "儿童雨衣", "蓝牙耳机", "羊绒围巾"];
const COLOURS: [&str; 6] = ["米白", "雾蓝", "豆绿", "焦糖", "曜黑", "樱粉"];
const PLATFORMS: [&str; 4] = ["tmall", "douyin", "jd", "pos"];
const COURIERS: [(&str, &str); 4] = [("SF", "sf"), ("YT", "yto"), ("JT", "jt"), ("ZT", "zto")];

/// The waybill of parcel `number`: no two are alike, and neighbours look nothing alike.
pub fn waybill(number: u64) -> String {
    let (prefix, _) = COURIERS[courier(number)];
    format!("{prefix}{:013}", scrambled(number, 13, 3_141_592_653_589))
}

/// The body of parcel `number`'s row, as its change `changed` left it.
pub fn body(number: u64, changed: u64) -> Vec<u8> {
    Row::Parcel(Box::new(parcel(number, changed))).encode()
}

/// Parcel `number`, as its change `changed` left it.
pub fn parcel(number: u64, changed: u64) -> Parcel {
    let mut dice = Dice(number);
    let order = format!("{:018}", scrambled(number, 18, 271_828_182_845_904_523));
    let lines: Vec<Line> = (0..=dice.below(8) / 3).map(|_| line(&mut dice)).collect();
    let gifts: Vec<Gift> = (0..u64::from(dice.below(100) < 35)).map(|_| gift(&mut dice)).collect();
    let picked = (dice.below(100) < 80).then(|| picked(&lines, &gifts));
    let codes = [
        (CodeRole::Waybill, waybill(number)),
        (CodeRole::Wms, format!("CK2611{number:08}")),
        (CodeRole::Order, order.clone()),
    ];
    let platform = PLATFORMS[dice.pick(PLATFORMS.len())];
    Parcel {
        id: ParcelId(number),
        order: OrderId(number),
        order_no: order,
        platform: platform.to_owned(),
        codes: codes.into_iter().map(|(kind, text)| ParcelCode { kind, text }).collect(),
        order_status: if dice.below(100) < 3 { OrderStatus::Cancelled } else { OrderStatus::Paid },
        refund: if dice.below(100) < 4 { RefundState::Requested } else { RefundState::None },
        status: if dice.below(100) < 30 { ParcelStatus::Dispatched } else { ParcelStatus::Open },
        address: if dice.below(100) < 1 { AddressState::ChangedSincePrint } else { AddressState::Fine },
        courier: Some(COURIERS[courier(number)].1.to_owned()),
        part: Part::ONLY,
        amount: Amount::cny(i64::try_from(990 + dice.below(60_000) + changed % 7).unwrap_or(990)),
        lines,
        gifts,
        picked,
        tags: (0..u64::from(dice.below(100) < 20)).map(|_| format!("LIVE{:04}", dice.below(60))).collect(),
        changed_at: Timestamp(1_795_000_000_000 + i64::try_from(dice.below(86_400_000) + changed).unwrap_or(0)),
        ..samples::parcel()
    }
}

fn line(dice: &mut Dice) -> Line {
    let article = dice.below(ARTICLES);
    let (kind, colour) = (KINDS[(article % 8) as usize], COLOURS[(article / 8 % 6) as usize]);
    let quantity = 1 + u32::from(dice.below(10) > 7);
    Line { sku: format!("SKU-{article:05}"), title: format!("{kind} {colour} {article}"), quantity, refunded: 0 }
}

fn gift(dice: &mut Dice) -> Gift {
    let article = dice.below(GIFTS);
    let issued = u32::from(dice.below(100) < 90);
    let status = if issued == 1 { GiftStatus::Issued } else { GiftStatus::Pending };
    Gift { sku: format!("GIFT-{article:03}"), title: format!("赠品小样 {article}"), quantity: 1, issued, status }
}

fn picked(lines: &[Line], gifts: &[Gift]) -> Vec<Picked> {
    let lines = lines.iter().map(|line| Picked { sku: line.sku.clone(), quantity: line.quantity });
    let issued = gifts.iter().filter(|gift| gift.issued > 0);
    lines.chain(issued.map(|gift| Picked { sku: gift.sku.clone(), quantity: gift.issued })).collect()
}

fn courier(number: u64) -> usize {
    (Dice(number ^ 0xC0DE).next() % COURIERS.len() as u64) as usize
}

/// Another number of so many digits for each number; `factor` has no divisor in common with ten.
fn scrambled(number: u64, digits: u32, factor: u128) -> u128 {
    u128::from(number) * factor % 10_u128.pow(digits)
}

/// SplitMix64: the same parcel always looks the same.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn pick(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_two_parcels_share_a_code_and_each_always_looks_the_same() {
        let mut seen = BTreeSet::new();
        for number in 1..=20_000 {
            let fresh = parcel(number, 1).codes.into_iter().all(|code| seen.insert(code.text));
            assert!(fresh, "parcel {number}");
        }
        assert_eq!(body(7, 1), body(7, 1));
        assert_ne!(body(7, 1), body(7, 2));
    }
}
