//! The folder into which mail is written where there is no mail server.

use super::TestApp;
use std::{collections::BTreeSet, fs, time::Duration};

impl TestApp {
    /// All mails, once there are so many.
    pub(crate) async fn mails(&self, count: usize) -> BTreeSet<String> {
        for _ in 0..500 {
            let mails = self.mails_now();
            if mails.len() >= count {
                return mails;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no mail came");
    }

    /// The one mail that comes, which is taken out of the folder.
    pub(crate) async fn next_mail(&self) -> String {
        let mut mails = self.mails(1).await;
        assert_eq!(mails.len(), 1);
        fs::remove_dir_all(&self.app.config.mail.dir).unwrap();
        mails.pop_first().unwrap()
    }

    /// All mails that are there.
    pub(crate) fn mails_now(&self) -> BTreeSet<String> {
        let files = fs::read_dir(&self.app.config.mail.dir).into_iter().flatten().map(|entry| entry.unwrap().path());
        files
            .filter(|file| file.extension().is_some_and(|own| own == "eml"))
            .map(|file| fs::read_to_string(file).unwrap())
            .collect()
    }
}

/// The link in a mail, as the plain text has it.
#[track_caller]
pub(crate) fn link_in(mail: &str) -> String {
    let text = mail.replace("=\r\n", "").replace("=3D", "=");
    let begin = text.find(": http").unwrap_or_else(|| panic!("no link: {text}"));
    text[begin + 2..].split_whitespace().next().unwrap().to_owned()
}

/// The token of the link in a mail.
#[track_caller]
pub(crate) fn token_in(mail: &str) -> String {
    let link = link_in(mail);
    let url = url::Url::parse(&link).unwrap();
    let token = url.query_pairs().find(|(name, _)| name == "token").map(|(_, value)| value.into_owned());
    token.unwrap_or_else(|| panic!("no token: {link}"))
}
