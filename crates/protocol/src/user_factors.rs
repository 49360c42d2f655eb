//! Taking away and exchanging what a user is reached by.

use crate::{
    ErrorCode, Refusal,
    id::{EmailId, PhoneId},
    refuse,
    user::{Email, PhoneNumber, Profile},
};

pub const LAST: Refusal = refuse(
    ErrorCode::Api { name: "cannot_delete_last_primary_factor", status: 400 },
    "this is the last address or number of the user; exchange it, or delete the user",
);
pub const NOT_EXACTLY_ONE: Refusal = refuse(
    ErrorCode::Api { name: "invalid_exchange_primary_factor_fields", status: 400 },
    "only for a user with exactly one address or number: send email_address or phone_number, not both",
);

/// The one that takes the place of the other.
#[derive(Debug, Clone)]
pub enum Factor {
    Email(Email),
    PhoneNumber(PhoneNumber),
}

pub fn remove_email(profile: &mut Profile, id: &EmailId) -> Result<(), Refusal> {
    may_lose_one(profile)?;
    profile.emails.retain(|own| own.id != *id);
    Ok(())
}

pub fn remove_phone_number(profile: &mut Profile, id: &PhoneId) -> Result<(), Refusal> {
    may_lose_one(profile)?;
    profile.phone_numbers.retain(|own| own.id != *id);
    Ok(())
}

/// The kind may change.
pub fn exchange(profile: &mut Profile, factor: Factor) -> Result<(), Refusal> {
    if profile.emails.len() + profile.phone_numbers.len() != 1 {
        return Err(NOT_EXACTLY_ONE);
    }
    profile.emails.clear();
    profile.phone_numbers.clear();
    match factor {
        Factor::Email(email) => profile.emails.push(email),
        Factor::PhoneNumber(number) => profile.phone_numbers.push(number),
    }
    Ok(())
}

/// A user name counts too: with it a user still comes in.
fn may_lose_one(profile: &Profile) -> Result<(), Refusal> {
    let count = profile.emails.len() + profile.phone_numbers.len() + usize::from(profile.username.is_some());
    if count > 1 { Ok(()) } else { Err(LAST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(n: u8) -> Email {
        Email { id: EmailId::new(format!("email-test-{n}")), address: format!("a{n}@b.example"), verified: true }
    }

    fn number() -> PhoneNumber {
        PhoneNumber { id: PhoneId::new("phone-number-test-1"), number: "+49301234567".into(), verified: false }
    }

    #[test]
    fn the_last_one_stays() {
        let mut profile = Profile { emails: vec![email(1), email(2)], ..Profile::default() };
        remove_email(&mut profile, &email(1).id).unwrap();
        assert_eq!(profile.emails, [email(2)]);
        assert_eq!(remove_email(&mut profile, &email(2).id), Err(LAST));
        profile.phone_numbers.push(number());
        remove_email(&mut profile, &email(2).id).unwrap();
        assert_eq!(remove_phone_number(&mut profile, &number().id), Err(LAST));
        profile.username = Some("ada".into());
        remove_phone_number(&mut profile, &number().id).unwrap();
    }

    #[test]
    fn only_one_can_be_exchanged_and_the_kind_may_change() {
        let mut profile = Profile { emails: vec![email(1)], ..Profile::default() };
        exchange(&mut profile, Factor::PhoneNumber(number())).unwrap();
        assert_eq!((profile.emails.len(), profile.phone_numbers.len()), (0, 1));
        exchange(&mut profile, Factor::Email(email(2))).unwrap();
        profile.emails.push(email(3));
        assert_eq!(exchange(&mut profile, Factor::Email(email(4))), Err(NOT_EXACTLY_ONE));
        assert_eq!(exchange(&mut Profile::default(), Factor::Email(email(4))), Err(NOT_EXACTLY_ONE));
    }
}
