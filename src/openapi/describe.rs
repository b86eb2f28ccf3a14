//! Words: names and texts of the catalogue, made readable.

/// A resource's name as a heading: `workspace-users` becomes "Workspace users".
pub(super) fn heading(resource: &str) -> String {
    capitalised(&resource.replace('-', " "))
}

/// A camelCase name as a label: `deploymentId` becomes "Deployment ID", `k8sVersion` "K8s version".
pub(super) fn label(name: &str) -> String {
    let mut words = String::new();
    let mut before = ' ';
    for each in name.chars() {
        if each.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            words.push(' ');
        }
        words.push(each);
        before = each;
    }
    let words: Vec<_> = words
        .split([' ', '-', '_', '.'])
        .map(|word| match word {
            "Id" | "id" => "ID".to_owned(),
            "Ids" => "IDs".to_owned(),
            "Url" | "url" => "URL".to_owned(),
            word if word.len() > 1 && word.bytes().all(|each| each.is_ascii_uppercase()) => word.to_owned(),
            word => word.to_lowercase(),
        })
        .collect();
    capitalised(&words.join(" "))
}

/// A text without the line breaks that only keep source lines short; empty lines part paragraphs, list items stay apart.
pub(super) fn unwrapped(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.lines().map(str::trim) {
        let starts_anew = line.is_empty() || line.starts_with("- ") || joined.ends_with('\n');
        if !joined.is_empty() {
            joined.push(if starts_anew { '\n' } else { ' ' });
        }
        joined.push_str(line);
    }
    joined
}

/// The text with a capital first letter.
pub(super) fn capitalised(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default()
}
