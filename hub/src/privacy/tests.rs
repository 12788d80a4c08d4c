use super::vault::KEY_FILE;
use super::{Place, Sight, Vault, VaultError, mask};
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[track_caller]
fn check(mask: fn(&str) -> String, rows: &[(&str, &str)]) {
    for (text, expected) in rows {
        let once = mask(text);
        assert_eq!(once, *expected, "of {text:?}");
        assert_eq!(mask(&once), once, "masking {text:?} twice");
    }
}

#[test]
fn a_phone_number_shows_its_front_and_its_last_four_digits() {
    check(
        mask::phone,
        &[
            ("13812341234", "138****1234"),
            ("138 1234 1234", "138****1234"),
            ("138-1234-1234", "138****1234"),
            ("１３８１２３４１２３４", "138****1234"),
            ("\u{200B}13812341234\u{FEFF}", "138****1234"),
            ("+8613812341234", "+86 138****1234"),
            ("+86 138-1234-1234", "+86 138****1234"),
            ("0086 13812341234", "+86 138****1234"),
            ("8613812341234", "+86 138****1234"),
            ("18412345678-0123", "184****5678转****"),
            ("18412345678转0123", "184****5678转****"),
            ("18412345678 ext. 12", "184****5678转****"),
            ("010-12345678", "010-****5678"),
            ("(0755) 1234 5678", "0755-****5678"),
            ("0512-1234567", "0512-****4567"),
            ("021-12345678转801", "021-****5678转****"),
            ("12345678", "****5678"),
            ("+1 (415) 555-2671", "+1 ****2671"),
            ("+44 20 7946 0958", "+44 ****0958"),
            ("+852 5123 4567", "+852 ****4567"),
            ("138****1234", "138****1234"),
            ("138＊＊＊＊1234", "138****1234"),
            ("+86 138****1234", "+86 138****1234"),
            ("", ""),
            ("   ", ""),
            // Not a shape that is known, or more than one: nothing of it.
            ("12345", "***"),
            ("400-123-4567", "***"),
            ("13812341234*", "***"),
            ("1381234*1234", "***"),
            ("13812341234/13912345678", "***"),
            ("张三 13812341234", "***"),
            ("微信 abc13812341234", "***"),
            ("13812341234📞", "***"),
            ("📞", "***"),
            ("转13812341234", "***"),
            ("****", "***"),
        ],
    );
}

#[test]
fn a_name_shows_the_family_or_the_kind_of_company() {
    check(
        mask::name,
        &[
            ("张三", "张*"),
            ("张三丰", "张*"),
            ("张 三", "张*"),
            ("张先生", "张*"),
            ("张三13812341234", "张*"),
            ("欧阳修文", "欧阳*"),
            ("欧阳", "欧*"),
            ("𠮷田太郎", "𠮷*"),
            ("买买提·吐尔逊", "买*"),
            ("김민수", "김*"),
            ("さくら", "さ*"),
            ("John Smith", "J***"),
            ("Ｊｏｈｎ", "J***"),
            ("Мария", "М***"),
            ("样品科技有限公司", "***有限公司"),
            ("样品旗舰店", "***旗舰店"),
            ("张", "*"),
            ("A", "*"),
            ("张*", "张*"),
            ("张**", "张*"),
            ("*三", "***"),
            ("😀张三", "***"),
            ("13812341234", "***"),
            ("", ""),
            ("\u{3000}", ""),
        ],
    );
}

#[test]
fn an_address_shows_nothing_below_its_district() {
    check(
        mask::address,
        &[
            ("广东省深圳市南山区样品路1号", "广东省深圳市南山区***"),
            ("广东省 深圳市 南山区 样品路1号", "广东省深圳市南山区***"),
            ("广东省/深圳市/南山区/样品路", "广东省深圳市南山区***"),
            ("广东 深圳市 南山区 样品路1号", "广东深圳市南山区***"),
            ("江苏省苏州市姑苏区样品街", "江苏省苏州市姑苏区***"),
            ("江苏省苏州市昆山市样品街", "江苏省苏州市昆山市***"),
            ("北京市朝阳区望京街道样品里北小区3号", "北京市朝阳区***"),
            ("北京市北京市朝阳区样品路", "北京市北京市朝阳区***"),
            ("上海上海市浦东新区样品路1号", "上海上海市浦东新区***"),
            ("重庆市忠县样品镇", "重庆市忠县***"),
            ("内蒙古自治区呼和浩特市赛罕区样品路", "内蒙古自治区呼和浩特市赛罕区***"),
            ("新疆维吾尔自治区伊犁哈萨克自治州样品县1号", "新疆维吾尔自治区伊犁哈萨克自治州样品县***"),
            ("云南省临沧市双江拉祜族佤族布朗族傣族自治县样品乡", "云南省临沧市双江拉祜族佤族布朗族傣族自治县***"),
            ("香港特别行政区样品道1号", "香港特别行政区***"),
            ("福建省厦门市思明区样品路", "福建省厦门市思明区***"),
            ("江苏省镇江市京口区样品路", "江苏省镇江市***"),
            // An estate, a street or a market is no district.
            ("浙江省杭州市幸福小区3幢", "浙江省杭州市***"),
            ("浙江省杭州市红旗路3号", "浙江省杭州市***"),
            ("浙江省义乌市小商品市场2区", "浙江省义乌市***"),
            ("江苏省苏州市样品工业区1号", "江苏省苏州市***"),
            ("北京市13号楼区", "北京市***"),
            // Not recognised: nothing of it.
            ("深圳市南山区样品路1号", "***"),
            ("样品路1号", "***"),
            ("1 Sample Street, Springfield", "***"),
            ("🏠广东省深圳市", "***"),
            ("待定", "***"),
            ("***", "***"),
            ("广东省深圳市南山区***", "广东省深圳市南山区***"),
            ("广东省深圳市南山区样品路**号", "广东省深圳市南山区***"),
            ("", ""),
        ],
    );
}

#[test]
fn endless_input_is_masked_like_any_other() {
    for mask in [mask::phone, mask::name, mask::address] {
        for piece in ["1", "张", "广东省", " ", "*", "😀", "\u{200B}", "１"] {
            let text = piece.repeat(10_000);
            let once = mask(&text);
            assert!(once.chars().count() <= 40, "{piece}: {} characters", once.chars().count());
            assert_eq!(mask(&once), once);
        }
    }
}

#[test]
fn a_reader_without_a_reveal_gets_the_mask() {
    assert_eq!(Sight::default().phone("13812341234"), "138****1234");
    assert_eq!(Sight::Masked.name("张三"), "张*");
    assert_eq!(Sight::Clear.address("广东省深圳市南山区样品路1号"), "广东省深圳市南山区样品路1号");
}

/// Texts that look like what people type, and like what they do not.
fn texts() -> impl Strategy<Value = String> {
    let pieces = vec![
        "1",
        "138",
        "0",
        "010",
        "+",
        "86",
        " ",
        "-",
        "*",
        "****",
        "转",
        "1234",
        "张",
        "欧阳",
        "公司",
        "A",
        "é",
        "广东",
        "广东省",
        "上海",
        "市",
        "深圳",
        "区",
        "县",
        "小",
        "路",
        "自治",
        "新区",
        "旗",
        "＊",
        "１",
        "😀",
        "\u{200B}",
        "/",
        "(",
        "#",
        "北京",
        "地区",
        "省",
    ];
    let made = prop::collection::vec(prop::sample::select(pieces), 0..12).prop_map(|pieces| pieces.concat());
    prop_oneof![made, any::<String>()]
}

proptest! {
    #[test]
    fn masking_what_is_masked_changes_nothing(text in texts()) {
        for mask in [mask::phone, mask::name, mask::address] {
            let once = mask(&text);
            prop_assert_eq!(mask(&once), once);
        }
    }

    #[test]
    fn never_more_than_seven_digits_of_a_number_are_shown(text in texts()) {
        let shown = mask::phone(&text);
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
        // Three of the country, four of the front, four at the end.
        prop_assert!(digits(&shown) <= 11, "{}", shown);
        prop_assert!(text.contains(['*', '＊']) || digits(&mask::phone(&text)) == 0 || shown.contains("****"));
    }

    #[test]
    fn what_was_sealed_is_read_again_only_at_its_place(text in any::<Vec<u8>>(), row in "[a-z0-9]{0,8}", flip in any::<usize>()) {
        let vault = Vault::random();
        let place = Place { table: "t", column: "c", row: &row };
        let mut sealed = vault.seal(place, &text);
        prop_assert_eq!(&vault.open_sealed(place, &sealed).unwrap(), &text);
        prop_assert_ne!(&vault.seal(place, &text), &sealed, "the same text is never sealed alike");
        let elsewhere = Place { column: "d", ..place };
        prop_assert!(vault.open_sealed(elsewhere, &sealed).is_err());
        prop_assert!(Vault::random().open_sealed(place, &sealed).is_err());
        let place_of_flip = flip % sealed.len();
        sealed[place_of_flip] ^= 1;
        prop_assert!(vault.open_sealed(place, &sealed).is_err());
        prop_assert!(vault.open_sealed(place, &sealed[..place_of_flip]).is_err());
    }
}

const PLACE: Place<'_> = Place { table: "order_contact", column: "phone", row: "7" };

#[test]
fn a_key_file_is_made_once_and_a_new_key_leaves_the_old_ones_readable() {
    let dir = tempfile::tempdir().unwrap();
    let first = Vault::open(dir.path()).unwrap();
    let sealed = first.seal(PLACE, b"13812341234");
    let id = Vault::add_key(dir.path()).unwrap();
    let second = Vault::open(dir.path()).unwrap();
    assert_eq!(second.key_ids().last(), Some(&id));
    assert_eq!(second.open_text(PLACE, &sealed).unwrap(), "13812341234");
    let newer = second.seal(PLACE, b"13812341234");
    assert!(matches!(first.open_sealed(PLACE, &newer), Err(VaultError::UnknownKey { key }) if key == id));
    let index = |vault: &Vault| vault.blind_index("phone", "13812341234");
    assert_eq!(index(&first), index(&second), "an index survives new keys");
    assert_ne!(index(&first), first.blind_index("name", "13812341234"));
    assert_ne!(index(&first), index(&Vault::random()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside the file");
}

#[test]
fn a_key_file_that_others_can_read_or_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    Vault::open(dir.path()).unwrap();
    let path = dir.path().join(KEY_FILE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = Vault::open(dir.path()).unwrap_err().to_string();
    assert!(error.contains("mode 640; give 600"), "{error}");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    let other_number = good.replacen(&good[..8], "00000000", 1);
    for (text, line) in [("", 1), ("abc", 1), (other_number.as_str(), 1), (format!("{good}abc def\n").as_str(), 2)] {
        fs::write(&path, text).unwrap();
        assert!(matches!(Vault::open(dir.path()), Err(VaultError::Content { line: at, .. }) if at == line), "{text:?}");
    }
}

#[test]
fn neither_keys_nor_texts_show_in_debug_output_or_errors() {
    let vault = Vault::random();
    let sealed = vault.seal(PLACE, b"13812341234");
    let error = vault.open_sealed(Place { row: "8", ..PLACE }, &sealed).unwrap_err();
    assert_eq!(error.to_string(), "the sealed text of order_contact.phone is damaged or belongs elsewhere");
    assert_eq!(format!("{vault:?}"), format!("Vault({})", vault.key_ids()[0]));
}
