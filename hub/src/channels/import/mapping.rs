//! Which column of a CSV file says what: by the header's words, in Chinese and English, or by an explicit mapping.

use super::given;
use super::model::ColumnsFound;
use std::collections::BTreeMap;

/// What a column can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The sales platform.
    Platform,
    /// The order number.
    OrderNo,
    /// When the source last changed the order.
    UpdatedAt,
    /// The shop.
    Shop,
    /// The site that it ships from.
    Site,
    /// Where the order stands.
    Status,
    /// Where its refund stands.
    Refund,
    /// What it is worth.
    Amount,
    /// ISO 4217 letters.
    Currency,
    /// When it was made.
    CreatedAt,
    /// When it was paid.
    PaidAt,
    /// Somebody said it must not ship.
    MustNotShip,
    /// Whether somebody must approve.
    Approval,
    /// The stock reserved for it.
    Hold,
    /// Labels, separated by commas.
    Tags,
    /// Who gets it. Read for the fingerprint only.
    BuyerName,
    /// How to call them. Read for the fingerprint only.
    BuyerPhone,
    /// Where it goes. Read for the fingerprint and for placeholders only.
    Address,
    /// Article number of the row's goods.
    Sku,
    /// What the packer calls them.
    Title,
    /// Pieces.
    Quantity,
    /// Pieces refunded.
    Refunded,
    /// The row's goods are a gift.
    IsGift,
    /// Article number of a gift beside the row's goods.
    GiftSku,
    /// What the packer calls it.
    GiftTitle,
    /// Pieces of it.
    GiftQuantity,
    /// It is not to be given any more.
    GiftCancelled,
    /// The article that may be issued in its place.
    GiftSubstitute,
    /// What the source or the WMS calls the row's parcel.
    ParcelNo,
    /// Its waybills, separated by commas.
    Waybill,
    /// The courier.
    Courier,
    /// Where the parcel stands.
    ParcelStatus,
    /// When its label was printed.
    PrintedAt,
    /// It waits for another parcel.
    Waiting,
    /// What was picked: an article number, when it is not the row's.
    PickedSku,
    /// Pieces picked of it.
    PickedQuantity,
    /// Pieces picked of the row's gift.
    GiftPickedQuantity,
}

/// Every field with its name in mappings and the words that headers use for it. Compared without blanks, marks,
/// brackets and case.
const FIELDS: &[(Field, &str, &[&str])] = &[
    (Field::Platform, "platform", &["平台", "销售平台", "来源平台", "渠道", "channel"]),
    (
        Field::OrderNo,
        "order_no",
        &[
            "订单号",
            "订单编号",
            "主订单编号",
            "主订单号",
            "平台订单号",
            "原始单号",
            "单号",
            "交易编号",
            "orderno",
            "orderid",
            "ordernumber",
            "order",
        ],
    ),
    (
        Field::UpdatedAt,
        "updated_at",
        &["更新时间", "修改时间", "最后修改时间", "updated", "updatetime", "modifiedat", "lastmodified"],
    ),
    (Field::Shop, "shop", &["店铺", "店铺名称", "店铺名", "门店", "store", "shopname"]),
    (Field::Site, "site", &["仓库", "仓", "发货仓", "发货仓库", "仓库编码", "warehouse"]),
    (Field::Status, "status", &["订单状态", "状态", "交易状态", "orderstatus"]),
    (Field::Refund, "refund", &["退款状态", "售后状态", "退款", "refundstatus", "refundstate"]),
    (
        Field::Amount,
        "amount",
        &[
            "金额",
            "订单金额",
            "实付金额",
            "实付",
            "实收金额",
            "应付金额",
            "总金额",
            "买家实际支付金额",
            "total",
            "totalamount",
            "paidamount",
        ],
    ),
    (Field::Currency, "currency", &["币种", "货币"]),
    (
        Field::CreatedAt,
        "created_at",
        &[
            "下单时间",
            "创建时间",
            "订单创建时间",
            "订单时间",
            "拍下时间",
            "下单日期",
            "created",
            "createtime",
            "ordertime",
            "orderdate",
            "createdtime",
        ],
    ),
    (Field::PaidAt, "paid_at", &["付款时间", "支付时间", "订单付款时间", "paid", "paytime", "paymenttime", "paidtime"]),
    (Field::MustNotShip, "must_not_ship", &["禁止发货", "不可发货", "拦截", "风控拦截"]),
    (Field::Approval, "approval", &["审批状态", "审批", "审核状态", "approvalstatus"]),
    (Field::Hold, "hold", &["冻结状态", "冻结", "库存冻结", "holdstatus"]),
    (Field::Tags, "tags", &["标签", "订单标签", "tag", "labels"]),
    (
        Field::BuyerName,
        "buyer_name",
        &[
            "收货人",
            "收件人",
            "收货人姓名",
            "收件人姓名",
            "买家",
            "姓名",
            "receiver",
            "recipient",
            "buyer",
            "consignee",
        ],
    ),
    (
        Field::BuyerPhone,
        "buyer_phone",
        &[
            "电话",
            "手机",
            "手机号",
            "联系电话",
            "收货人电话",
            "收件人电话",
            "收货人手机",
            "收件人手机",
            "联系手机",
            "phone",
            "mobile",
            "tel",
        ],
    ),
    (
        Field::Address,
        "address",
        &["地址", "收货地址", "收件地址", "收件人地址", "收货人地址", "详细地址", "shippingaddress", "deliveryaddress"],
    ),
    (
        Field::Sku,
        "sku",
        &[
            "商家编码",
            "商品编码",
            "货号",
            "规格编码",
            "sku编码",
            "商品货号",
            "条码",
            "商品条码",
            "skuid",
            "skucode",
            "itemcode",
            "article",
        ],
    ),
    (
        Field::Title,
        "title",
        &[
            "商品名称",
            "商品",
            "品名",
            "商品标题",
            "宝贝标题",
            "名称",
            "product",
            "productname",
            "item",
            "itemname",
            "name",
        ],
    ),
    (Field::Quantity, "quantity", &["数量", "购买数量", "商品数量", "件数", "宝贝数量", "qty", "count", "pieces"]),
    (Field::Refunded, "refunded", &["退款数量", "退货数量", "已退数量", "refundedquantity", "refundqty"]),
    (Field::IsGift, "is_gift", &["是否赠品", "赠品标识", "赠品标记", "gift"]),
    (Field::GiftSku, "gift_sku", &["赠品编码", "赠品货号", "赠品商家编码", "赠品sku"]),
    (Field::GiftTitle, "gift_title", &["赠品名称", "赠品", "giftname"]),
    (Field::GiftQuantity, "gift_quantity", &["赠品数量", "giftqty"]),
    (Field::GiftCancelled, "gift_cancelled", &["赠品取消", "赠品已取消", "取消赠品"]),
    (Field::GiftSubstitute, "gift_substitute_sku", &["替换赠品编码", "替代赠品编码", "赠品替换编码"]),
    (
        Field::ParcelNo,
        "parcel_no",
        &[
            "包裹号",
            "包裹编号",
            "出库单号",
            "发货单号",
            "wms单号",
            "交货单号",
            "parcel",
            "parcelnumber",
            "packageno",
            "shipmentno",
        ],
    ),
    (
        Field::Waybill,
        "waybill",
        &["运单号", "快递单号", "物流单号", "面单号", "waybillno", "trackingno", "trackingnumber", "tracking"],
    ),
    (Field::Courier, "courier", &["快递公司", "物流公司", "快递", "承运商", "carrier", "logistics"]),
    (Field::ParcelStatus, "parcel_status", &["包裹状态", "发货状态", "出库状态", "shipmentstatus"]),
    (Field::PrintedAt, "printed_at", &["打单时间", "打印时间", "面单打印时间", "printtime"]),
    (Field::Waiting, "waiting", &["等待合并", "等待其他包裹", "待齐发"]),
    (Field::PickedSku, "picked_sku", &["出库编码", "出库商品编码", "实发编码", "拣货编码"]),
    (
        Field::PickedQuantity,
        "picked_quantity",
        &["出库数量", "实发数量", "拣货数量", "已拣数量", "pickedqty", "shippedqty"],
    ),
    (Field::GiftPickedQuantity, "gift_picked_quantity", &["赠品出库数量", "赠品实发数量", "赠品拣货数量"]),
];

impl Field {
    /// Its name in mappings.
    pub fn name(self) -> &'static str {
        FIELDS.iter().find(|(field, ..)| *field == self).map_or("", |(_, name, _)| name)
    }

    /// Every field with its name and the words that headers use for it.
    pub fn all() -> impl Iterator<Item = (Field, &'static str, &'static [&'static str])> {
        FIELDS.iter().copied()
    }
}

/// Why a header cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// The mapping names a field that there is not.
    #[error("the mapping names the field `{name}`; give one of {}", names())]
    UnknownField {
        /// The name.
        name: String,
    },
    /// The mapping names a column that the file has not.
    #[error("the mapping says that `{field}` is in the column `{column}`; the file has the columns {header}")]
    NoColumn {
        /// The field.
        field: &'static str,
        /// The column.
        column: String,
        /// What the file has.
        header: String,
    },
    /// Two columns say the same.
    #[error("the columns `{first}` and `{second}` both say `{field}`; give a mapping that chooses one")]
    Twice {
        /// The field.
        field: &'static str,
        /// One column.
        first: String,
        /// The other.
        second: String,
    },
    /// A field that must be there is not.
    #[error("no column says `{field}`; name one of them {words}, or give a mapping; the file has the columns {header}")]
    Missing {
        /// The field.
        field: &'static str,
        /// Words that would be understood.
        words: String,
        /// What the file has.
        header: String,
    },
    /// Nobody says which platform the orders are from.
    #[error("no column says `platform`; add one (平台), or name the platform of the whole file, for example pos")]
    NoPlatform,
}

fn names() -> String {
    let names: Vec<&str> = FIELDS.iter().map(|(_, name, _)| *name).collect();
    names.join(", ")
}

/// Which column says what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    places: BTreeMap<Field, usize>,
    header: Vec<String>,
}

impl Columns {
    /// Finds the columns of a header. `mapping` goes by field name and names columns; it comes before the header's own
    /// words. An empty column name says that no column says this.
    pub fn find(
        header: &[String],
        mapping: &BTreeMap<String, String>,
        has_platform: bool,
    ) -> Result<Columns, MappingError> {
        let mut places = mapped(header, mapping)?;
        let taken: Vec<usize> = places.values().copied().collect();
        let chosen = fields_of(mapping)?;
        for (place, column) in header.iter().enumerate().filter(|(place, _)| !taken.contains(place)) {
            let Some(field) = field_of(column).filter(|field| !chosen.contains(field)) else { continue };
            if let Some(first) = places.insert(field, place) {
                let (first, second) = (header[first].clone(), column.clone());
                return Err(MappingError::Twice { field: field.name(), first, second });
            }
        }
        let columns = Columns { places, header: header.to_vec() };
        columns.check(has_platform)?;
        Ok(columns)
    }

    fn check(&self, has_platform: bool) -> Result<(), MappingError> {
        if !self.has(Field::OrderNo) {
            let words = "订单号, order_no".to_owned();
            return Err(MappingError::Missing { field: "order_no", words, header: listed(&self.header) });
        }
        if self.has(Field::Platform) || has_platform { Ok(()) } else { Err(MappingError::NoPlatform) }
    }

    /// Whether a column says this.
    pub fn has(&self, field: Field) -> bool {
        self.places.contains_key(&field)
    }

    /// The cell that says this, without blanks around it; empty when there is none.
    pub fn cell<'r>(&self, row: &'r csv::StringRecord, field: Field) -> &'r str {
        self.places.get(&field).and_then(|place| row.get(*place)).map_or("", bare_cell)
    }

    /// The column's own name; the field's when there is no column.
    pub fn column(&self, field: Field) -> &str {
        self.places.get(&field).and_then(|place| self.header.get(*place)).map_or(field.name(), String::as_str)
    }

    /// How many columns the header has.
    pub fn width(&self) -> usize {
        self.header.len()
    }

    /// For people: what is used, what is ignored.
    pub fn found(&self) -> ColumnsFound {
        let used: BTreeMap<String, String> =
            self.places.iter().map(|(field, place)| (field.name().to_owned(), self.header[*place].clone())).collect();
        let is_used = |place: &usize| self.places.values().any(|used| used == place);
        let ignored = self.header.iter().enumerate().filter(|(place, column)| !is_used(place) && !column.is_empty());
        ColumnsFound { used, ignored: ignored.map(|(_, column)| column.clone()).collect() }
    }
}

/// A cell as its author meant it: spreadsheets write `="123"` or `'123` or a tab to keep a number as text.
fn bare_cell(cell: &str) -> &str {
    let cell = cell.trim();
    let inner = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(cell).trim_start_matches('\'').trim()
}

/// The fields that a mapping speaks of.
pub fn fields_of(mapping: &BTreeMap<String, String>) -> Result<Vec<Field>, MappingError> {
    let field = |name: &String| {
        let known = FIELDS.iter().find(|(_, known, _)| known == name).map(|(field, ..)| *field);
        known.ok_or_else(|| MappingError::UnknownField { name: name.clone() })
    };
    mapping.keys().map(field).collect()
}

fn mapped(header: &[String], mapping: &BTreeMap<String, String>) -> Result<BTreeMap<Field, usize>, MappingError> {
    let mut places = BTreeMap::new();
    let fields = fields_of(mapping)?;
    for (field, column) in fields.into_iter().zip(mapping.values()).filter(|(_, column)| !column.is_empty()) {
        let place = header.iter().position(|known| plain(known) == plain(column));
        let place = place.ok_or_else(|| MappingError::NoColumn {
            field: field.name(),
            column: column.clone(),
            header: listed(header),
        })?;
        places.insert(field, place);
    }
    Ok(places)
}

fn field_of(column: &str) -> Option<Field> {
    let column = plain(column);
    let is_it = |name: &str, words: &[&str]| plain(name) == column || words.iter().any(|word| plain(word) == column);
    FIELDS.iter().find(|(_, name, words)| is_it(name, words)).map(|(field, ..)| *field)
}

/// A header's word without what people put around it: `*订单号（必填）` is 订单号.
fn plain(column: &str) -> String {
    let narrow = column.replace('（', "(");
    let stem = narrow.split('(').next().unwrap_or_default();
    let stem = if stem.trim().is_empty() { &narrow } else { stem };
    stem.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn listed(header: &[String]) -> String {
    // A row without a single word that we know may be the first row of data.
    let is_header = header.iter().any(|name| field_of(name).is_some());
    let shown = |name: &String| name.chars().take(30).collect::<String>();
    let names: Vec<String> =
        header.iter().take(40).map(|name| format!("`{}`", given::kept_name(&shown(name), is_header))).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: &str, mapping: &[(&str, &str)], expected: &str) {
        let header: Vec<String> = header.split(',').map(str::to_owned).collect();
        let mapping = mapping.iter().map(|(field, column)| ((*field).to_owned(), (*column).to_owned())).collect();
        let found = match Columns::find(&header, &mapping, true) {
            Ok(columns) => columns
                .found()
                .used
                .iter()
                .map(|(field, column)| format!("{field}={column}"))
                .collect::<Vec<_>>()
                .join(" "),
            Err(error) => error.to_string(),
        };
        assert!(found.starts_with(expected), "{found}");
    }

    #[test]
    fn headers_are_understood_in_both_languages() {
        check("*订单号（必填）,数量,商家编码,备注", &[], "order_no=*订单号（必填） quantity=数量 sku=商家编码");
        check(
            "Order No.,QTY,SKU code,Tracking Number",
            &[],
            "order_no=Order No. quantity=QTY sku=SKU code waybill=Tracking Number",
        );
        check("order_no,is_gift,gift_sku", &[], "gift_sku=gift_sku is_gift=is_gift order_no=order_no");
        check("编号,订单号", &[("order_no", "编号")], "order_no=编号");
        check("订单号,订单编号", &[], "the columns `订单号` and `订单编号` both say `order_no`");
        check("订单号,订单编号", &[("order_no", "订单编号")], "order_no=订单编号");
        check(
            "日期,数量",
            &[],
            "no column says `order_no`; name one of them 订单号, order_no, or give a mapping; the file has the columns `日期`, `数量`",
        );
        check("订单号,金额", &[("amount", "")], "order_no=订单号");
        check(
            "订单号",
            &[("sku", "货")],
            "the mapping says that `sku` is in the column `货`; the file has the columns `订单号`",
        );
        check("订单号", &[("skuu", "订单号")], "the mapping names the field `skuu`; give one of platform, order_no");
    }

    #[test]
    fn a_platform_must_come_from_somewhere() {
        let header = ["订单号".to_owned()];
        assert_eq!(Columns::find(&header, &BTreeMap::new(), false), Err(MappingError::NoPlatform));
    }

    #[test]
    fn every_word_says_one_thing() {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (_, name, words) in FIELDS {
            for word in std::iter::once(name).chain(*words) {
                let before = seen.insert(plain(word), name);
                assert!(before.is_none_or(|before| before == *name), "{word} says {name} and {}", before.unwrap());
            }
        }
    }

    #[test]
    fn spreadsheet_marks_around_numbers_go() {
        for (cell, bare) in [("=\"0123\"", "0123"), ("'0123", "0123"), ("\t0123 ", "0123"), ("0123", "0123"), ("", "")]
        {
            assert_eq!(bare_cell(cell), bare, "{cell:?}");
        }
    }
}
