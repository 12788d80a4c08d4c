//! The words of a contact's panel, in both languages.

use crate::pages::text::{Language, texts};

texts! {
    heading = "收件人", "Recipient";
    name = "姓名", "Name";
    phone = "电话", "Phone";
    address = "地址", "Address";
    masked_about = "个人信息已脱敏。", "Personal data is masked.";
    none_yet = "没有收件人信息。", "No recipient is known.";
    erased = "订单已结束，个人信息已按保留期限删除：", "The order is over; personal data was erased on";
    reason = "查看原因（会记入审计日志）", "Why you need it (goes into the audit log)";
    reason_hint = "例如：买家来电核对地址", "for example: the buyer called to check the address";
    reveal = "查看完整信息", "Show in full";
    until = "完整信息显示到", "Shown in full until";
    hide = "立即隐藏", "Hide now";
}

/// The words of this language.
pub fn of(language: Language) -> &'static Text {
    match language {
        Language::Zh => &ZH,
        Language::En => &EN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_stands_in_both_languages_and_they_differ() {
        for (name, zh, en) in ALL {
            assert!(!zh.is_empty() && !en.is_empty() && zh != en, "{name}");
        }
    }
}
