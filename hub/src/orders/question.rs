//! What the address of a list asks: which orders, in which order, which columns, from which place on. The page, saved views
//! and files read the same address.

use super::columns::Column;
use super::filter::{CONDITIONS_MAX, Filter, FilterError, put};
use super::list::{Cursor, Sort, SortBy};

/// A list as its address has it.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Which orders.
    pub filter: Filter,
    /// In which order.
    pub sort: Sort,
    /// Whether the address itself says so.
    pub sorted: bool,
    /// Which columns.
    pub columns: Vec<Column>,
    /// Whether the address itself says so.
    pub chosen: bool,
    /// From where on.
    pub after: Option<Cursor>,
}

impl Wanted {
    /// What this part of an address, behind its question mark, asks of somebody who may or may not see money.
    pub fn parse(query: &str, with_money: bool) -> Result<Wanted, FilterError> {
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned().take(4 * CONDITIONS_MAX);
        let pairs: Vec<(String, String)> = pairs.collect();
        let pairs = || pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all = |wanted: &'static str| pairs().filter(move |(name, value)| *name == wanted && !value.is_empty());
        let filter = Filter::read(pairs())?.allowed(with_money)?;
        let sort = all("sort").next().map(|(name, word)| {
            let sort = Sort::parse(word).filter(|sort| with_money || sort.by != SortBy::Amount);
            sort.ok_or_else(|| FilterError::new(name, word, "a sort that the list offers"))
        });
        let after = all("cursor").next().map(|(name, text)| {
            Cursor::parse(text).ok_or_else(|| FilterError::new(name, text, "one that this list gave"))
        });
        let sort = sort.transpose()?;
        Ok(Wanted {
            sort: sort.unwrap_or_else(|| filter.natural_sort()),
            sorted: sort.is_some(),
            columns: Column::chosen(all("column").map(|(_, word)| word), with_money),
            chosen: all("column").next().is_some(),
            after: after.transpose()?,
            filter,
        })
    }

    /// The address of this list with another filter, without the place in it.
    pub fn query(&self, filter: &Filter) -> String {
        let mut query = filter.address();
        if self.sorted {
            put(&mut query, "sort", self.sort.word());
        }
        if self.chosen {
            let words: Vec<&str> = self.columns.iter().map(|column| column.word()).collect();
            put(&mut query, "column", &words.join(","));
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written_and_money_is_not_asked_about_without_the_right() {
        let query = "status=paid&sort=updated_up&column=order_no%2Cshop";
        let wanted = Wanted::parse(&format!("{query}&cursor=5.7"), true).unwrap();
        assert_eq!(wanted.query(&wanted.filter), query);
        assert_eq!(wanted.after.map(|after| after.to_string()).as_deref(), Some("5.7"));
        for (query, with_money, fine) in [
            ("sort=amount", true, true),
            ("sort=amount", false, false),
            ("amount_from=5", false, false),
            ("cursor=x", true, false),
            ("sort=colour", true, false),
            ("%ff=%00&&==", true, true),
        ] {
            assert_eq!(Wanted::parse(query, with_money).is_ok(), fine, "{query}");
        }
    }
}
