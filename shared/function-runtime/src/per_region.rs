//! A client for every region that is asked for, kept.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// The clients of one service, through one connection pool.
pub struct PerRegion<C> {
    home: String,
    clients: Arc<Mutex<HashMap<String, C>>>,
    connect: Arc<dyn Fn(&str) -> C + Send + Sync>,
}

impl<C> Clone for PerRegion<C> {
    fn clone(&self) -> Self {
        Self { home: self.home.clone(), clients: Arc::clone(&self.clients), connect: Arc::clone(&self.connect) }
    }
}

impl<C> fmt::Debug for PerRegion<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerRegion").field("home", &self.home).finish_non_exhaustive()
    }
}

impl<C: Clone> PerRegion<C> {
    /// With clients made by `connect` for a region; `home` is the default region, whose client is made at once.
    pub fn connecting(home: &str, connect: impl Fn(&str) -> C + Send + Sync + 'static) -> Self {
        let clients = HashMap::from([(home.to_owned(), connect(home))]);
        Self { home: home.to_owned(), clients: Arc::new(Mutex::new(clients)), connect: Arc::new(connect) }
    }

    /// The region of the function.
    #[must_use]
    pub fn home(&self) -> &str {
        &self.home
    }

    /// The client of a region.
    #[must_use]
    pub fn client(&self, region: &str) -> C {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.entry(region.to_owned()).or_insert_with(|| (self.connect)(region)).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_has_its_own_client_made_once() {
        let made = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&made);
        let clients = PerRegion::connecting("eu-west-1", move |region| {
            log.lock().unwrap().push(region.to_owned());
            region.to_owned()
        });
        for region in ["us-east-1", "eu-west-1", "us-east-1"] {
            assert_eq!(clients.clone().client(region), region);
        }
        assert_eq!(*made.lock().unwrap(), ["eu-west-1", "us-east-1"]);
    }
}
