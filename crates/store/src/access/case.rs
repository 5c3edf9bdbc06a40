//! Cases: the reason for which somebody may look at another's mail.

use std::collections::HashMap;

use sqlx::AnyConnection;

use super::account::Account;
use super::clean_address;
use crate::catalog::sql::{self, Columns, values};
use crate::catalog::{Counter, statements, take_ids};
use crate::clock::now_us;
use crate::error::{Result, StoreError};
use crate::tenant::Tenant;

/// People a case may name; each costs a look-up at every question.
const MOST_PEOPLE: usize = 1000;

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// Its number.
    pub id: i64,
    /// What it is called.
    pub name: String,
    /// Why it was opened.
    pub reason: String,
    /// The number of the account of the officer who opened it.
    pub officer: i64,
    /// The addresses whose mail is looked at.
    pub people: Vec<String>,
    /// The numbers of the accounts that work in it, beside the officer.
    pub reviewers: Vec<i64>,
    /// Mail held from this time on, µs since 1970.
    pub since: i64,
    /// Mail held from before this time.
    pub until: i64,
    /// When it was opened.
    pub opened: i64,
    /// When it was closed; 0 while it is open.
    pub closed: i64,
}

impl Case {
    /// True if the account may look at mail through this case, if its roles allow that at all.
    pub fn admits(&self, account: &Account) -> bool {
        self.closed == 0 && (self.officer == account.id || self.reviewers.contains(&account.id))
    }
}

/// A case to be opened.
#[derive(Debug, Clone)]
pub struct NewCase {
    /// What it is called.
    pub name: String,
    /// Why it is opened.
    pub reason: String,
    /// The addresses whose mail is looked at.
    pub people: Vec<String>,
    /// Addresses of the accounts that will work in it.
    pub reviewers: Vec<String>,
    /// Mail held from this time on, µs since 1970.
    pub since: i64,
    /// Mail held from before this time.
    pub until: i64,
}

impl Tenant {
    /// Opens a case of an officer.
    pub async fn open_case(&self, new: &NewCase, officer: &Account, actor: &str) -> Result<Case> {
        let invalid = |what: &str| Err(StoreError::Invalid(what.into()));
        if new.name.trim().is_empty() || new.reason.trim().is_empty() {
            return invalid("a case needs a name and a reason");
        }
        if new.people.is_empty() || new.people.len() > MOST_PEOPLE {
            return invalid("a case names between 1 and 1,000 people");
        }
        if new.since >= new.until {
            return invalid("a case begins before it ends");
        }
        let mut tx = self.store.catalog.begin().await?;
        let id = take_ids(&mut tx, Counter::Case, 1).await?;
        let row = values![
            id,
            self.id(),
            self.seal_name(b"case", new.name.trim())?,
            self.seal_name(b"case_reason", new.reason.trim())?,
            officer.id,
            new.since,
            new.until,
            now_us()
        ];
        sql::execute(&mut tx, statements::INSERT_CASEFILE, row).await?;
        let mut people = Vec::new();
        let mut rows = Vec::new();
        for address in &new.people {
            let address = clean_address(address)?;
            rows.push(values![
                self.id(),
                id,
                self.address_hash(&address),
                self.seal_name(b"case_person", &address)?
            ]);
            people.push(address);
        }
        statements::INSERT_CASEFILE_PEOPLE
            .execute(&mut tx, rows)
            .await?;
        self.set_reviewers(&mut tx, id, &new.reviewers).await?;
        let subject = format!("case {id} of {}: opened", people.join(" "));
        self.record_change(&mut tx, actor, &subject, new.reason.trim())
            .await?;
        tx.commit().await?;
        self.case(id).await
    }

    async fn set_reviewers(
        &self,
        db: &mut AnyConnection,
        case: i64,
        reviewers: &[String],
    ) -> Result<()> {
        let mut rows = Vec::new();
        for address in reviewers {
            let ask = values![self.id(), self.address_hash(address)];
            let account = sql::fetch_optional(db, statements::ACCOUNT_BY_HASH, ask)
                .await?
                .ok_or_else(|| StoreError::NotFound(format!("account {}", address.trim())))?;
            rows.push(values![self.id(), case, account.int(0)?]);
        }
        sql::execute(
            db,
            statements::DELETE_CASEFILE_REVIEWERS,
            values![self.id(), case],
        )
        .await?;
        statements::INSERT_CASEFILE_REVIEWERS
            .execute(db, rows)
            .await?;
        Ok(())
    }

    /// All cases, oldest first.
    pub async fn cases(&self) -> Result<Vec<Case>> {
        let mut db = self.store.catalog.read().await?;
        let tenant = values![self.id()];
        let mut people: HashMap<i64, Vec<String>> = HashMap::new();
        for row in sql::fetch(&mut db, statements::PEOPLE_OF_CASEFILES, tenant.clone()).await? {
            let address = self.open_name(b"case_person", &row.blob(1)?)?;
            people.entry(row.int(0)?).or_default().push(address);
        }
        let mut reviewers: HashMap<i64, Vec<i64>> = HashMap::new();
        let rows = sql::fetch(&mut db, statements::REVIEWERS_OF_CASEFILES, tenant.clone()).await?;
        for row in rows {
            reviewers.entry(row.int(0)?).or_default().push(row.int(1)?);
        }
        let rows = sql::fetch(&mut db, statements::CASEFILES, tenant).await?;
        rows.iter()
            .map(|row| {
                let id = row.int(0)?;
                let mut people = people.remove(&id).unwrap_or_default();
                people.sort();
                Ok(Case {
                    id,
                    name: self.open_name(b"case", &row.blob(1)?)?,
                    reason: self.open_name(b"case_reason", &row.blob(2)?)?,
                    officer: row.int(3)?,
                    people,
                    reviewers: reviewers.remove(&id).unwrap_or_default(),
                    since: row.int(4)?,
                    until: row.int(5)?,
                    opened: row.int(6)?,
                    closed: row.int(7)?,
                })
            })
            .collect()
    }

    /// One case.
    pub async fn case(&self, id: i64) -> Result<Case> {
        let cases = self.cases().await?;
        cases
            .into_iter()
            .find(|case| case.id == id)
            .ok_or_else(|| StoreError::NotFound(format!("case {id}")))
    }

    /// Says who works in a case beside its officer.
    pub async fn assign_case(&self, id: i64, reviewers: &[String], actor: &str) -> Result<Case> {
        self.case(id).await?;
        let mut tx = self.store.catalog.begin().await?;
        self.set_reviewers(&mut tx, id, reviewers).await?;
        let subject = format!("case {id}: reviewers {}", reviewers.join(" "));
        self.record_change(&mut tx, actor, &subject, "").await?;
        tx.commit().await?;
        self.case(id).await
    }

    /// Closes a case: nobody looks at mail through it any longer.
    pub async fn close_case(&self, id: i64, actor: &str) -> Result<Case> {
        self.case(id).await?;
        let mut tx = self.store.catalog.begin().await?;
        let row = values![self.id(), id, now_us()];
        if sql::execute(&mut tx, statements::CLOSE_CASEFILE, row).await? == 0 {
            return Err(StoreError::Invalid(format!("case {id} is closed already")));
        }
        self.record_change(&mut tx, actor, &format!("case {id}: closed"), "")
            .await?;
        tx.commit().await?;
        self.case(id).await
    }
}
