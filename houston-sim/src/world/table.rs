//! A table of records, in the order they were made.
//!
//! Linear on purpose: a world holds dozens of records, and lists come out in the order a reader expects. Records are
//! shared, so that an answer under construction keeps what it read whatever happens to the table.

use super::{Id, Record};
use crate::error::Error;
use std::sync::Arc;

/// Records of one kind.
#[derive(Debug)]
pub(crate) struct Table<T>(Vec<Arc<T>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Record> Table<T> {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.iter()
    }

    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        self.0.clone()
    }

    pub(crate) fn get(&self, id: &str) -> Option<Arc<T>> {
        self.0.iter().find(|each| each.id() == id).cloned()
    }

    /// The record, or what the database says when a mutation names one that is not there.
    pub(crate) fn need(&self, id: &str) -> Result<Arc<T>, Error> {
        self.get(id).ok_or_else(|| Error::NoNode { model: T::MODEL, id: id.chars().take(64).collect() })
    }

    pub(crate) fn add(&mut self, record: T) -> Arc<T> {
        let record = Arc::new(record);
        self.0.push(Arc::clone(&record));
        record
    }

    pub(crate) fn update(&mut self, id: &str, change: impl FnOnce(&mut T)) -> Option<Arc<T>> {
        let record = self.0.iter_mut().find(|each| each.id() == id)?;
        change(Arc::make_mut(record));
        Some(Arc::clone(record))
    }

    pub(crate) fn remove(&mut self, id: &str) -> Option<Arc<T>> {
        let at = self.0.iter().position(|each| each.id() == id)?;
        Some(self.0.remove(at))
    }

    pub(crate) fn remove_where(&mut self, doomed: impl Fn(&T) -> bool) -> Vec<Arc<T>> {
        let (gone, kept) = std::mem::take(&mut self.0).into_iter().partition(|each| doomed(each));
        self.0 = kept;
        gone
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn ids(&self) -> Vec<Id> {
        self.0.iter().map(|each| each.id().to_owned()).collect()
    }
}
