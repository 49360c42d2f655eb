//! As much HTML as our own pages need: tags, attributes, forms.

/// A form as a browser would send it.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) action: String,
    /// Hidden and text fields, ticked boxes, chosen options.
    pub(crate) fields: Vec<(String, String)>,
    /// Names and values of the buttons.
    pub(crate) buttons: Vec<(String, String)>,
}

type Tag = (String, Vec<(String, String)>);

impl Form {
    pub(crate) fn of(html: &str) -> Option<Self> {
        let mut forms = tags(html).into_iter().skip_while(|(name, _)| name != "form");
        let (_, attributes) = forms.next()?;
        let mut form = Self { action: value(&attributes, "action"), fields: Vec::new(), buttons: Vec::new() };
        let mut select = String::new();
        for (tag, attributes) in forms.take_while(|(name, _)| name != "/form") {
            let has = |name: &str| attributes.iter().any(|(own, _)| own == name);
            let (name, own) = (value(&attributes, "name"), value(&attributes, "value"));
            match tag.as_str() {
                "input" if value(&attributes, "type") == "checkbox" && !has("checked") => {}
                "input" => form.fields.push((name, own)),
                "select" => {
                    select.clone_from(&name);
                    form.fields.push((name, String::new()));
                }
                "option" if has("selected") => form.set(&select.clone(), &own),
                "button" if has("name") => form.buttons.push((name, own)),
                _ => {}
            }
        }
        Some(form)
    }

    fn set(&mut self, name: &str, value: &str) {
        self.fields.retain(|(own, _)| own != name);
        self.fields.push((name.to_owned(), value.to_owned()));
    }

    /// Types into a field.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Unticks a box, or leaves a field out.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(own, _)| own != name);
        self
    }

    /// Presses the button with this value.
    #[track_caller]
    pub(crate) fn press(mut self, value: &str) -> Self {
        let button = self.buttons.iter().find(|(_, own)| own == value).cloned();
        self.fields.push(button.unwrap_or_else(|| panic!("no button {value}: {:?}", self.buttons)));
        self
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// What `<body data-page>` says.
pub(crate) fn page(html: &str) -> Option<&str> {
    let (_, rest) = html.split_once("<body data-page=\"")?;
    rest.split_once('"').map(|(page, _)| page)
}

/// An attribute of the element with this id.
pub(crate) fn attribute(html: &str, id: &str, name: &str) -> Option<String> {
    let (_, attributes) = tags(html).into_iter().find(|(_, attributes)| value(attributes, "id") == id)?;
    attributes.into_iter().find(|(own, _)| own == name).map(|(_, value)| value)
}

/// Every element's `id`.
pub(crate) fn ids(html: &str) -> Vec<String> {
    tags(html).iter().map(|(_, attributes)| value(attributes, "id")).filter(|id| !id.is_empty()).collect()
}

/// The scope values shown within the element with this id.
pub(crate) fn scopes_in(html: &str, id: &str) -> Vec<String> {
    let all = tags(html);
    let Some(begin) = all.iter().position(|(_, attributes)| value(attributes, "id") == id) else { return Vec::new() };
    let end = format!("/{}", all[begin].0);
    all[begin + 1..]
        .iter()
        .take_while(|(tag, _)| *tag != end)
        .map(|(_, attributes)| value(attributes, "data-scope"))
        .filter(|scope| !scope.is_empty())
        .collect()
}

fn value(attributes: &[(String, String)], name: &str) -> String {
    attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// All tags in order; a closing one begins with a slash.
pub(crate) fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some((_, after)) = rest.split_once('<') {
        let end = after.find(|c: char| c == '>' || c.is_whitespace()).unwrap_or(after.len());
        let name = after[..end].to_lowercase();
        let mut inside = &after[end..];
        let mut attributes = Vec::new();
        loop {
            inside = inside.trim_start();
            if inside.is_empty() || inside.starts_with('>') {
                break;
            }
            let end = inside.find(|c: char| c == '=' || c == '>' || c.is_whitespace()).unwrap_or(inside.len());
            let attribute = inside[..end].to_owned();
            inside = &inside[end..];
            let mut text = String::new();
            if let Some(quoted) = inside.strip_prefix("=\"") {
                let (value, after) = quoted.split_once('"').expect("a closing quote");
                text = unescape(value);
                inside = after;
            } else if let Some(bare) = inside.strip_prefix('=') {
                let end = bare.find(|c: char| c == '>' || c.is_whitespace()).unwrap_or(bare.len());
                text = unescape(&bare[..end]);
                inside = &bare[end..];
            }
            attributes.push((attribute, text));
        }
        tags.push((name, attributes));
        rest = inside;
    }
    tags
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let Some((entity, after)) = after.split_once(';') else {
            plain.push('&');
            rest = after;
            continue;
        };
        let code = entity.strip_prefix("#x").map(|hex| u32::from_str_radix(hex, 16));
        let code = code.or_else(|| entity.strip_prefix('#').map(str::parse));
        plain.push(match (entity, code) {
            (_, Some(code)) => char::from_u32(code.unwrap()).unwrap(),
            ("amp", _) => '&',
            ("lt", _) => '<',
            ("gt", _) => '>',
            ("quot", _) => '"',
            ("apos", _) => '\'',
            _ => panic!("unknown entity &{entity};"),
        });
        rest = after;
    }
    plain.push_str(rest);
    plain
}
