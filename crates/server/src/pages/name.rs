//! Names that others chose, made safe to show: attacks.md row 15.
//!
//! Markup is the templates' business (they escape everything). Here go the characters that change how a text reads
//! without being seen, and the question whether a name's letters come from alphabets that look alike.
//!
//! Specs: RFC 9700 §4.11; the restriction levels follow UTS #39 "Highly Restrictive", applied to each word.

/// How many characters of a name are shown.
const LONGEST: usize = 80;
/// How many combining marks may follow one letter.
const MARKS: usize = 3;

/// Why a name may deceive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameWarning {
    /// A word mixes alphabets that look alike, or is written wholly in look-alike letters.
    MixedScripts,
}

/// The name without control, bidirectional and invisible characters, on one line and of bounded length.
pub fn display_name(text: &str) -> String {
    clean(text, LONGEST)
}

/// As [`display_name`] for texts that may be longer, such as descriptions and URIs.
pub(super) fn display_text(text: &str) -> String {
    clean(text, 600)
}

fn clean(text: &str, longest: usize) -> String {
    let mut shown = String::new();
    let (mut length, mut marks, mut gap) = (0, 0, false);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if c.is_whitespace() || c.is_control() {
            gap = !shown.is_empty();
            continue;
        }
        let joins = matches!(c, '\u{200C}' | '\u{200D}');
        if joins && !(shown.chars().next_back().is_some_and(joining) && characters.peek().copied().is_some_and(joining))
        {
            continue;
        }
        if !joins && invisible(c) {
            continue;
        }
        marks = if combining(c) { marks + 1 } else { 0 };
        if marks > MARKS {
            continue;
        }
        if length >= longest {
            shown.push('…');
            break;
        }
        if std::mem::take(&mut gap) {
            shown.push(' ');
            length += 1;
        }
        shown.push(c);
        length += 1;
    }
    shown
}

/// Characters that are not seen but change the text: `Bidi_Control`, `Default_Ignorable_Code_Point`, private use,
/// fillers that look like nothing.
fn invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{2800}' | '\u{3164}' | '\u{E000}'..='\u{F8FF}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFD}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{10FFFF}')
}

/// Scripts in which a zero-width joiner or non-joiner changes real words.
fn joining(c: char) -> bool {
    matches!(c, '\u{0600}'..='\u{07FF}' | '\u{0900}'..='\u{0DFF}' | '\u{1780}'..='\u{17FF}')
}

fn combining(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}' | '\u{0483}'..='\u{0489}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

/// Whether a user could take the name for another one.
pub fn name_warning(text: &str) -> Option<NameWarning> {
    let name = display_name(text);
    let deceives = name.split(|c: char| !c.is_alphanumeric() && !combining(c)).any(|word| {
        let scripts = Scripts::of(word);
        !scripts.go_together() || scripts.styled || imitates_latin(word)
    });
    deceives.then_some(NameWarning::MixedScripts)
}

/// Which scripts the letters of a word belong to.
#[derive(Default)]
struct Scripts {
    latin: bool,
    east_asian: bool,
    /// One bit per other script or block of scripts that we tell apart.
    others: u32,
    /// Letters that exist to look like others: mathematical alphabets, full width, enclosed.
    styled: bool,
}

impl Scripts {
    fn of(word: &str) -> Self {
        let mut scripts = Self::default();
        for c in word.chars().filter(|c| c.is_alphabetic()) {
            match u32::from(c) {
                0x0000..=0x024F | 0x1E00..=0x1EFF | 0x2C60..=0x2C7F | 0xA720..=0xA7FF => scripts.latin = true,
                0x0370..=0x03FF | 0x1F00..=0x1FFF => scripts.others |= 1,
                0x0400..=0x052F | 0x1C80..=0x1C8F | 0x2DE0..=0x2DFF | 0xA640..=0xA69F => scripts.others |= 1 << 1,
                0x0530..=0x058F => scripts.others |= 1 << 2,
                0x0590..=0x05FF => scripts.others |= 1 << 3,
                0x0600..=0x077F | 0x08A0..=0x08FF | 0xFB50..=0xFDFF | 0xFE70..=0xFEFC => scripts.others |= 1 << 4,
                0x13A0..=0x13FF | 0xAB70..=0xABBF => scripts.others |= 1 << 5,
                0xA4D0..=0xA4FF => scripts.others |= 1 << 6,
                0x2C00..=0x2C5F => scripts.others |= 1 << 7,
                0x2C80..=0x2CFF => scripts.others |= 1 << 8,
                0x10A0..=0x10FF => scripts.others |= 1 << 9,
                0x3005..=0x30FF
                | 0x3100..=0x312F
                | 0x3400..=0x4DBF
                | 0x4E00..=0x9FFF
                | 0xAC00..=0xD7AF
                | 0x1100..=0x11FF
                | 0xF900..=0xFAFF
                | 0x20000..=0x3FFFF => scripts.east_asian = true,
                // Also phonetic letters and small capitals, which pass for Latin ones.
                0x0250..=0x02FF
                | 0x1D00..=0x1DBF
                | 0x2100..=0x218F
                | 0x2460..=0x24FF
                | 0xFB00..=0xFB06
                | 0xFF21..=0xFF3A
                | 0xFF41..=0xFF5A
                | 0x1D400..=0x1D7FF
                | 0x1F100..=0x1F1FF => scripts.styled = true,
                0x0900..=0x0DFF => scripts.others |= 1 << 10,
                0x0E00..=0x0FFF => scripts.others |= 1 << 11,
                _ => scripts.others |= 1 << 12,
            }
        }
        scripts
    }

    /// UTS #39 §5.2: one script, or Latin with those of East Asia.
    fn go_together(&self) -> bool {
        match self.others.count_ones() {
            0 => true,
            1 => !self.latin && !self.east_asian,
            _ => false,
        }
    }
}

/// Whether a word of Cyrillic, Greek, Cherokee, Lisu or Armenian consists of letters that look Latin and of nothing else.
fn imitates_latin(word: &str) -> bool {
    const LOOK_ALIKES: &str = "аАВЕеЁёЗІіЇїЈјКМНОоРрСсТУухХѕЅһҺԁԛԜԝӏӀґҮүҚкӨѵѴЬ\
                               ΑΒΕΖΗΙΚΜΝΟΡΤΥΧοαινρτυχκϲϳ\
                               օՕսՍցզհոՏԼ\
                               ᎪᏴᏟᎠᎬᎢᏦᎷᎻᏢᏒᏚᎳᏔᎡᎥᏃᎰᏀᏞᏙ\
                               ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ";
    let letters = word.chars().filter(|c| c.is_alphabetic());
    word.chars().filter(|c| c.is_alphabetic()).count() >= 3 && letters.into_iter().all(|c| LOOK_ALIKES.contains(c))
}

/// The letter or digit that stands for a name without a logo.
pub(super) fn initial(name: &str) -> String {
    let first = name.chars().find(|c| c.is_alphanumeric()).unwrap_or('?');
    first.to_uppercase().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn shows(text: &str, expected: &str) {
        assert_eq!(display_name(text), expected, "{text:?}");
    }

    #[test]
    fn attacks_15_bidirectional_and_invisible_characters_are_dropped() {
        shows("Acme\u{202E}moc.elgoog", "Acmemoc.elgoog");
        shows("\u{2066}Pay\u{200B}Pal\u{2069}", "PayPal");
        shows("Good\u{00AD}App\u{FEFF}", "GoodApp");
        shows("A\u{E0041}\u{E0042}cme", "Acme");
        shows("\u{3164}\u{115F}Acme", "Acme");
        shows("a\u{200D}b", "ab");
    }

    #[test]
    fn a_name_is_one_line_of_bounded_length() {
        shows("  Acme\r\n\t Inc \0", "Acme Inc");
        assert_eq!(display_name(&"x".repeat(1000)).chars().count(), LONGEST + 1);
        assert_eq!(display_name(&format!("e{}", "\u{0301}".repeat(500))).chars().count(), 1 + MARKS);
        shows("\u{200B}", "");
    }

    #[test]
    fn real_names_stay_as_they_are() {
        for name in
            ["Café Zürich", "Яндекс Maps", "日本語アプリ", "می\u{200C}خواهم", "שלום", "한국 App", "3M & Co. <b>"]
        {
            shows(name, name);
        }
    }

    #[test]
    fn attacks_15_words_of_mixed_or_look_alike_letters_are_warned_of() {
        // Cyrillic а, Greek ο, wholly Cyrillic "Сосасо", mathematical bold, full width, small capitals
        for name in ["P\u{0430}yPal", "Micr\u{03BF}soft", "Сосасо", "𝐆𝐨𝐨𝐠𝐥𝐞", "Ｇｏｏｇｌｅ", "ɢoogle", "ᎪᏢᏢᏞᎬ"]
        {
            assert_eq!(name_warning(name), Some(NameWarning::MixedScripts), "{name}");
        }
        for name in ["PayPal", "Яндекс Maps", "LINEアプリ", "Ελλάδα", "Москва", "Ünïcödé 2", "ไทย", "हिन्दी", "عربي", ""]
        {
            assert_eq!(name_warning(name), None, "{name}");
        }
    }
}
