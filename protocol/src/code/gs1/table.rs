//! Every GS1 application identifier: what its value looks like and what it goes with.
//!
//! The facts are those of the GS1 Barcode Syntax Dictionary, release 2026-01-27 (GS1 AISBL, Apache-2.0), written in our
//! own notation (see [`super::rule`]) and sorted by identifier, because rows are found by halving.

use super::lint::Lint::{
    CouponCode, CouponPosOffer, Csum, CsumAlpha, GcpPos1, GcpPos2, HasNonDigit, Hh, Hhmi, Hyphen, Iban, ImporterIdx,
    Iso3166, Iso3166Alpha2, Iso4217, Iso5218, Iso3166999, Latitude, Longitude, MediaType, Mi, NoZeroPrefix, NonZero,
    PackageType, PcEnc, PieceOfTotal, PosInSeqSlash, Ss, Winding, YesNo, Yymmd0, Yymmdd, Yyyymmdd, Zero,
};
use super::rule::{Part, Rule, ai, n, n_to, x, x_to, y_to, z_to};

/// A trade item number.
const GTIN: &[Part] = &[n(14).is(&[Csum, GcpPos2])];
/// A place or party.
const GLN: &[Part] = &[n(13).is(&[Csum, GcpPos1])];
/// A service relation.
const GSRN: &[Part] = &[n(18).is(&[Csum, GcpPos1])];
/// One piece of a trade item.
const PIECE: &[Part] = &[n(14).is(&[Csum, GcpPos2]), n(4).is(&[PieceOfTotal])];
/// A day, or a whole month.
const DATE: &[Part] = &[n(6).is(&[Yymmd0])];
/// A day.
const DAY: &[Part] = &[n(6).is(&[Yymmdd])];
/// A measure; the last digit of the identifier says where the decimal point is.
const MEASURE: &[Part] = &[n(6)];
/// An amount; the last digit of the identifier says where the decimal point is.
const AMOUNT: &[Part] = &[n_to(15)];
/// An amount in a stated currency.
const CURRENCY_AMOUNT: &[Part] = &[n(3).is(&[Iso4217]), n_to(15)];
/// One country.
const COUNTRY: &[Part] = &[n(3).is(&[Iso3166])];
/// A country by letters.
const COUNTRY_LETTERS: &[Part] = &[x(2).is(&[Iso3166Alpha2])];
/// Up to five countries.
const COUNTRIES: &[Part] = &[
    n(3).is(&[Iso3166]),
    n(3).optional().is(&[Iso3166]),
    n(3).optional().is(&[Iso3166]),
    n(3).optional().is(&[Iso3166]),
    n(3).optional().is(&[Iso3166]),
];
const COUNT: &[Part] = &[n_to(8)];
const TEXT_3: &[Part] = &[x_to(3)];
const TEXT_20: &[Part] = &[x_to(20)];
const TEXT_25: &[Part] = &[x_to(25)];
const TEXT_30: &[Part] = &[x_to(30)];
const TEXT_70: &[Part] = &[x_to(70)];
const TEXT_90: &[Part] = &[x_to(90)];
const ENCODED_35: &[Part] = &[x_to(35).is(&[PcEnc])];
const ENCODED_40: &[Part] = &[x_to(40).is(&[PcEnc])];
const ENCODED_70: &[Part] = &[x_to(70).is(&[PcEnc])];
const FLAG: &[Part] = &[n(1).is(&[YesNo])];
const MOMENT: &[Part] = &[n(6).is(&[Yymmd0]), n(4).is(&[Hhmi])];
const TEMPERATURE: &[Part] = &[n(6), x(1).optional().is(&[Hyphen])];
const DIGITS_15: &[Part] = &[n(15)];

/// What a trade item is named by; most attributes need one of these.
const ITEM: &str = "01|02|8006|8026";
/// The same, or a made-to-order item.
const ITEM_OR_MTO: &str = "01|02|03|8006|8026";
/// An item or its count in a logistic unit.
const GOODS: &str = "01|02";
/// A logistic unit or an item.
const UNIT_OR_ITEM: &str = "00|01";
/// Quantities that a price can be for.
const QUANTITY: &str = "30|31nn|32nn|35nn|36nn";
/// A person as a recipient or provider of a service.
const PERSON: &str = "8017|8018";

/// A row for `digits0` to `digits5`, six places of the decimal point, of which only one may be used.
const fn measure(first: &'static str, last: &'static str, needs: &'static str, family: &'static str) -> Rule {
    ai(first, MEASURE).to(last).fixed().needs(needs).bars(family)
}

/// A row about a logistic unit's delivery.
const fn delivery(digits: &'static str, parts: &'static [Part]) -> Rule {
    ai(digits, parts).needs("00")
}

/// All rows, sorted.
#[rustfmt::skip]
pub(super) const TABLE: &[Rule] = &[
    // What is here: logistic units, items, their contents, batches, dates, serials.
    ai("00", &[n(18).is(&[Csum, GcpPos2])]).fixed().key(""),
    ai("01", GTIN).fixed().bars("255|37").key("22,10,21|235"),
    ai("02", GTIN).fixed().needs("37").bars("01|03"),
    ai("03", GTIN).fixed().no_attribute().bars("01|02|37"),
    ai("10", TEXT_20).needs(ITEM_OR_MTO),
    ai("11", DATE).fixed().needs(ITEM_OR_MTO),
    ai("12", DATE).fixed().needs("8020"),
    ai("13", DATE).fixed().needs(ITEM_OR_MTO),
    ai("15", DATE).to("16").fixed().needs(ITEM_OR_MTO),
    ai("17", DATE).fixed().needs("01|02|03|255|8006|8026"),
    ai("20", &[n(2)]).fixed().needs(ITEM),
    ai("21", TEXT_20).no_attribute().needs("01|03|8006").bars("235"),
    ai("22", TEXT_20).no_attribute().needs("01"),
    ai("235", &[x_to(28)]).no_attribute().needs("01"),
    ai("240", TEXT_30).to("241").needs(ITEM),
    ai("242", &[n_to(6)]).needs(ITEM),
    ai("243", TEXT_20).needs("01"),
    ai("250", TEXT_30).needs("21").needs("01|8006"),
    ai("251", TEXT_30).needs("01|8006"),
    ai("253", &[n(13).is(&[Csum, GcpPos1]), x_to(17).optional()]).key(""),
    ai("254", TEXT_20).no_attribute().needs("414"),
    ai("255", &[n(13).is(&[Csum, GcpPos1]), n_to(12).optional()]).key("").bars("01|02|415|8006|8020|8026"),
    ai("30", COUNT).needs(GOODS),

    // Measures and weights of items, and of logistic units (33nn, 34nn, 35n3 and on).
    measure("3100", "3105", GOODS, "310n"),
    measure("3110", "3115", GOODS, "311n"),
    measure("3120", "3125", GOODS, "312n"),
    measure("3130", "3135", GOODS, "313n"),
    measure("3140", "3145", GOODS, "314n"),
    measure("3150", "3155", GOODS, "315n"),
    measure("3160", "3165", GOODS, "316n"),
    measure("3200", "3205", GOODS, "320n"),
    measure("3210", "3215", GOODS, "321n"),
    measure("3220", "3225", GOODS, "322n"),
    measure("3230", "3235", GOODS, "323n"),
    measure("3240", "3245", GOODS, "324n"),
    measure("3250", "3255", GOODS, "325n"),
    measure("3260", "3265", GOODS, "326n"),
    measure("3270", "3275", GOODS, "327n"),
    measure("3280", "3285", GOODS, "328n"),
    measure("3290", "3295", GOODS, "329n"),
    measure("3300", "3305", UNIT_OR_ITEM, "330n"),
    measure("3310", "3315", UNIT_OR_ITEM, "331n"),
    measure("3320", "3325", UNIT_OR_ITEM, "332n"),
    measure("3330", "3335", UNIT_OR_ITEM, "333n"),
    measure("3340", "3345", UNIT_OR_ITEM, "334n"),
    measure("3350", "3355", UNIT_OR_ITEM, "335n"),
    measure("3360", "3365", UNIT_OR_ITEM, "336n"),
    measure("3370", "3375", "01", "337n"),
    measure("3400", "3405", UNIT_OR_ITEM, "340n"),
    measure("3410", "3415", UNIT_OR_ITEM, "341n"),
    measure("3420", "3425", UNIT_OR_ITEM, "342n"),
    measure("3430", "3435", UNIT_OR_ITEM, "343n"),
    measure("3440", "3445", UNIT_OR_ITEM, "344n"),
    measure("3450", "3455", UNIT_OR_ITEM, "345n"),
    measure("3460", "3465", UNIT_OR_ITEM, "346n"),
    measure("3470", "3475", UNIT_OR_ITEM, "347n"),
    measure("3480", "3485", UNIT_OR_ITEM, "348n"),
    measure("3490", "3495", UNIT_OR_ITEM, "349n"),
    measure("3500", "3505", GOODS, "350n"),
    measure("3510", "3515", GOODS, "351n"),
    measure("3520", "3525", GOODS, "352n"),
    measure("3530", "3535", UNIT_OR_ITEM, "353n"),
    measure("3540", "3545", UNIT_OR_ITEM, "354n"),
    measure("3550", "3555", UNIT_OR_ITEM, "355n"),
    measure("3560", "3565", GOODS, "356n"),
    measure("3570", "3575", GOODS, "357n"),
    measure("3600", "3605", GOODS, "360n"),
    measure("3610", "3615", GOODS, "361n"),
    measure("3620", "3625", UNIT_OR_ITEM, "362n"),
    measure("3630", "3635", UNIT_OR_ITEM, "363n"),
    measure("3640", "3645", GOODS, "364n"),
    measure("3650", "3655", GOODS, "365n"),
    measure("3660", "3665", GOODS, "366n"),
    measure("3670", "3675", UNIT_OR_ITEM, "367n"),
    measure("3680", "3685", UNIT_OR_ITEM, "368n"),
    measure("3690", "3695", UNIT_OR_ITEM, "369n"),

    // Counts, amounts and prices.
    ai("37", COUNT).needs("02|8026").needs("00"),
    ai("3900", AMOUNT).to("3909").needs("255|8020").bars("390n|391n|394n|8111"),
    ai("3910", CURRENCY_AMOUNT).to("3919").needs("8020").bars("391n"),
    ai("3920", AMOUNT).to("3929").needs(QUANTITY).needs("01").bars("392n|393n"),
    ai("3930", CURRENCY_AMOUNT).to("3939").needs(QUANTITY).bars("393n"),
    ai("3940", &[n(4)]).to("3943").needs("255").bars("394n|8111"),
    ai("3950", MEASURE).to("3955").needs(QUANTITY).bars("392n|393n|395n|8005"),

    // Orders, consignments, places.
    ai("400", TEXT_30),
    ai("401", &[x_to(30).is(&[GcpPos1])]).key(""),
    ai("402", &[n(17).is(&[Csum, GcpPos1])]).key(""),
    ai("403", TEXT_30).needs("00"),
    ai("410", GLN).to("413").fixed(),
    ai("414", GLN).fixed().key("254|7040"),
    ai("415", GLN).fixed().needs("8020").key("8020"),
    ai("416", GLN).fixed(),
    ai("417", GLN).fixed().key("7040"),
    ai("420", TEXT_20).bars("421"),
    ai("421", &[n(3).is(&[Iso3166]), x_to(9)]).bars("4307"),
    ai("422", COUNTRY).needs(ITEM).bars("426"),
    ai("423", COUNTRIES).needs(GOODS).bars("426"),
    ai("424", COUNTRY).needs(GOODS).bars("426"),
    ai("425", COUNTRIES).needs(GOODS).bars("426"),
    ai("426", COUNTRY).needs(GOODS),
    ai("427", TEXT_3).needs("422").needs(GOODS),

    // Delivery: where to, where back to, when, how.
    delivery("4300", ENCODED_35).to("4301"),
    delivery("4302", ENCODED_70),
    ai("4303", ENCODED_70).needs("4302"),
    delivery("4304", ENCODED_70).to("4306"),
    delivery("4307", COUNTRY_LETTERS),
    delivery("4308", TEXT_30),
    delivery("4309", &[n(10).is(&[Latitude]), n(10).is(&[Longitude])]),
    delivery("4310", ENCODED_35).to("4311"),
    delivery("4312", ENCODED_70),
    ai("4313", ENCODED_70).needs("4312"),
    delivery("4314", ENCODED_70).to("4316"),
    delivery("4317", COUNTRY_LETTERS),
    delivery("4318", TEXT_20),
    delivery("4319", TEXT_30),
    delivery("4320", ENCODED_35),
    delivery("4321", FLAG).to("4323"),
    delivery("4324", MOMENT).to("4325"),
    delivery("4326", DAY),
    delivery("4330", TEMPERATURE).bars("4331"),
    delivery("4331", TEMPERATURE).bars("4330"),
    delivery("4332", TEMPERATURE).bars("4333"),
    delivery("4333", TEMPERATURE).bars("4332"),

    // Fresh food, medicines, processing.
    ai("7001", &[n(13)]).needs(ITEM),
    ai("7002", TEXT_30).needs(GOODS),
    ai("7003", &[n(6).is(&[Yymmdd]), n(4).is(&[Hhmi])]).needs(GOODS),
    ai("7004", &[n_to(4)]).needs("01+10"),
    ai("7005", &[x_to(12)]).needs(GOODS),
    ai("7006", DAY).needs(GOODS),
    ai("7007", &[n(6).is(&[Yymmdd]), n(6).optional().is(&[Yymmdd])]).needs(GOODS),
    ai("7008", TEXT_3).needs(GOODS),
    ai("7009", &[x_to(10)]).needs(GOODS),
    ai("7010", &[x_to(2)]).needs(GOODS),
    ai("7011", &[n(6).is(&[Yymmdd]), n(4).optional().is(&[Hhmi])]).needs(GOODS),
    ai("7020", TEXT_20).needs("416").needs("01|8006"),
    ai("7021", TEXT_20).needs("01|8006"),
    ai("7022", TEXT_20).needs("7021"),
    ai("7023", &[x_to(30).is(&[GcpPos1])]),
    ai("7030", &[n(3).is(&[Iso3166999]), x_to(27)]).to("7039").needs(GOODS),
    ai("7040", &[n(1), x(1), x(1), x(1).is(&[ImporterIdx])]).no_attribute(),
    ai("7041", &[x_to(4).is(&[PackageType])]).no_attribute().needs("00"),
    ai("710", TEXT_20).to("717").needs("01"),

    // Certificates and people.
    ai("7230", &[x(2), x_to(28)]).to("7239").needs("01|8004"),
    ai("7240", TEXT_20).needs("01|8006"),
    ai("7241", &[n(2).is(&[MediaType])]).needs(PERSON),
    ai("7242", TEXT_25).needs(PERSON),
    ai("7250", &[n(8).is(&[Yyyymmdd])]).needs("8018").bars("7251"),
    ai("7251", &[n(8).is(&[Yyyymmdd]), n(4).is(&[Hhmi])]).needs("8018").bars("7250"),
    ai("7252", &[n(1).is(&[Iso5218])]).needs("8018"),
    ai("7253", ENCODED_40).to("7254").needs(PERSON).bars("7256|7259"),
    ai("7255", &[x_to(10)]).needs(PERSON).bars("7256|7259"),
    ai("7256", &[x_to(90).is(&[PcEnc])]).needs(PERSON),
    ai("7257", ENCODED_70).needs("8018"),
    ai("7258", &[x(3).is(&[PosInSeqSlash])]).needs("8018+7259"),
    ai("7259", ENCODED_40).needs("8018").bars("7256"),

    // Special uses: dimensions, assets, parts, services, payments, devices, coupons.
    ai("8001", &[n(4).is(&[NonZero]), n(5).is(&[NonZero]), n(3).is(&[NonZero]), n(1).is(&[Winding]), n(1)]).needs("01"),
    ai("8002", TEXT_20),
    ai("8003", &[n(1).is(&[Zero]), n(13).is(&[Csum, GcpPos1]), x_to(16).optional()]).key(""),
    ai("8004", &[x_to(30).is(&[GcpPos1])]).key("7040"),
    ai("8005", MEASURE).needs(GOODS),
    ai("8006", PIECE).bars("01|37").key("22,10,21"),
    ai("8007", &[x_to(34).is(&[Iban])]).needs("415"),
    ai("8008", &[n(6).is(&[Yymmdd]), n(2).is(&[Hh]), n(2).optional().is(&[Mi]), n(2).optional().is(&[Ss])]).needs(GOODS),
    ai("8009", &[x_to(50)]).needs(UNIT_OR_ITEM),
    ai("8010", &[y_to(30).is(&[GcpPos1])]).key("8011"),
    ai("8011", &[n_to(12).is(&[NoZeroPrefix])]).no_attribute().needs("8010"),
    ai("8012", TEXT_20).needs("01|8006"),
    ai("8013", &[x_to(25).is(&[CsumAlpha, GcpPos1])]).key(""),
    ai("8014", &[x_to(25).is(&[CsumAlpha, GcpPos1, HasNonDigit])]).no_attribute().needs("01"),
    ai("8017", GSRN).bars("8018").key("8019"),
    ai("8018", GSRN).bars("8017").key("8019"),
    ai("8019", &[n_to(10)]).no_attribute().needs(PERSON),
    ai("8020", TEXT_25).no_attribute().needs("415"),
    ai("8026", PIECE).needs("37").bars("02|8006"),
    ai("8030", &[z_to(90)]).needs("00|01+21|253|255|8003|8004|8006+21|8010+8011|8017|8018"),
    ai("8040", DIGITS_15).no_attribute().needs("01+21"),
    ai("8041", DIGITS_15).no_attribute().needs("01+21+8040"),
    ai("8042", &[n(32)]).no_attribute().needs("01+21+8040"),
    ai("8043", &[n(18), n_to(2).optional()]).no_attribute().needs("01+21+8040"),
    ai("8110", &[x_to(70).is(&[CouponCode])]),
    ai("8111", &[n(4)]).needs("255"),
    ai("8112", &[x_to(70).is(&[CouponPosOffer])]),
    ai("8200", TEXT_70).no_attribute().needs("01"),

    // Between partners and within companies.
    ai("90", TEXT_30),
    ai("91", TEXT_90).to("99"),
];
