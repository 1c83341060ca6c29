//! `trien origin`: what pages may do, by origin.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::{CliError, Exit, Shell};
use crate::config::{ADMIN_POLICY, Config};
use crate::language::{Arguments, arguments, time_in_vietnam};
use crate::policy::grants::{Grant, Grants, GrantsError, Terms, common_end, in_force};
use crate::policy::origin::Schemes;
use crate::policy::{GrantBook, Origin, OriginRules, Scope};
use crate::service::ServiceError;

/// The verbs under `trien origin`.
#[derive(Debug, clap::Subcommand)]
pub enum OriginCommand {
    /// Lists the permissions.
    List,
    /// Gives permissions, instead of those the origin had.
    Allow {
        /// Who.
        origin: String,
        /// What; the usual ones if absent.
        #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(Scope::ALL.map(Scope::name)))]
        scope: Vec<String>,
        /// Until when, RFC 3339, or `never`; for a year if absent.
        #[arg(long)]
        until: Option<String>,
        /// Beside those it has, each with its own end.
        #[arg(long)]
        add: bool,
    },
    /// Takes permissions back.
    Revoke {
        /// From whom.
        origin: String,
        /// Only these.
        #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(Scope::ALL.map(Scope::name)))]
        scope: Vec<String>,
    },
}

/// How long a permission lasts where nobody says, after which the person is asked again or says so again.
const USUAL: Duration = Duration::days(365);

/// For `--until`: without an end.
const NEVER: &str = "never";

/// Runs one of them.
///
/// # Errors
/// Misuse if the origin or time is none, failure if the file of permissions cannot be read or written; no if there is
/// nothing to revoke.
pub fn run(command: OriginCommand, shell: &Shell) -> Result<(), CliError> {
    let file = shell.places.origins_file();
    match command {
        OriginCommand::List => list(&file, shell),
        OriginCommand::Allow {
            origin,
            scope,
            until,
            add,
        } => {
            let grant = grant(&origin, &scope, until.as_deref())?;
            allow(&file, &grant, add, shell)
        }
        OriginCommand::Revoke { origin, scope } => revoke(&file, &origin, &scope, shell),
    }
}

/// What the administrator says about origins.
fn rules(shell: &Shell) -> Result<OriginRules, CliError> {
    let config = Config::load(&shell.places.config_file(), Path::new(ADMIN_POLICY));
    Ok(config.map_err(ServiceError::from)?.origins)
}

fn list(file: &Path, shell: &Shell) -> Result<(), CliError> {
    let grants = Grants::load(file).map_err(|error| unusable(&error))?;
    let rules = rules(shell)?;
    let now = OffsetDateTime::now_utc();
    let book = GrantBook::new(file.to_owned(), rules.clone(), Schemes::HttpsAndLoopbackHttp);
    let ruled = ruled(&rules);
    let is_ruled = |grant: &&Grant| ruled.iter().any(|ruled| *ruled.origin == grant.origin);
    let with_effect = |mut value: Value, origin: &Origin| {
        let effective = book.scopes(origin, now);
        value["in_force"] = json!(!effective.is_empty());
        value["effective"] = json!(names(&effective));
        value
    };
    let value: Vec<Value> = ruled
        .iter()
        .map(|ruled| {
            let mut value = terms_as_json(ruled.origin, &ruled.terms, now);
            value["administrator"] = json!(ruled.how);
            value["own"] = json!(grants.of(ruled.origin).map(|grant| as_json(grant, now)));
            with_effect(value, ruled.origin)
        })
        .chain(
            grants
                .iter()
                .filter(|grant| !is_ruled(grant))
                .map(|grant| with_effect(as_json(grant, now), &grant.origin)),
        )
        .collect();
    shell.answer(&value, || {
        if value.is_empty() {
            return shell.text("origin-none", &Arguments::new());
        }
        ruled
            .iter()
            .map(|ruled| ruled_line(ruled, grants.of(ruled.origin), &book, now, shell))
            .chain(grants.iter().filter(|grant| !is_ruled(grant)).map(|grant| {
                let effective = book.scopes(&grant.origin, now);
                line(grant, now, shell) + &under_policy(grant, &effective, now, shell) + "\n"
            }))
            .collect()
    });
    Ok(())
}

/// What the administrator says of an origin.
struct Ruled<'a> {
    /// Fixed, pregranted or forbidden.
    how: &'static str,
    origin: &'a Origin,
    terms: Cow<'a, Terms>,
}

/// Each origin that he names, once: of several rules, by the one that counts.
fn ruled(rules: &OriginRules) -> Vec<Ruled<'_>> {
    let forbidden = rules.forbid.iter().map(|origin| Ruled {
        how: "forbidden",
        origin,
        terms: Cow::Owned(Terms::new()),
    });
    let named = [("fixed", &rules.allow), ("pregranted", &rules.pregrant)];
    let named = named.into_iter().flat_map(|(how, list)| {
        list.iter().map(move |rule| Ruled {
            how,
            origin: &rule.origin,
            terms: Cow::Borrowed(&rule.scopes),
        })
    });
    let mut ruled: Vec<Ruled<'_>> = Vec::new();
    for one in forbidden.chain(named) {
        if ruled.iter().all(|known| known.origin != one.origin) {
            ruled.push(one);
        }
    }
    ruled
}

/// An origin that the administrator has said something of, and what the person did about it.
fn ruled_line(
    ruled: &Ruled<'_>,
    own: Option<&Grant>,
    book: &GrantBook,
    now: OffsetDateTime,
    shell: &Shell,
) -> String {
    let said = |key: &str| shell.text(key, &Arguments::new());
    let origin = ruled.origin;
    let given = in_force(&ruled.terms, now);
    let (how, terms) = match own {
        // What is left of it, with the ends that the person has set.
        Some(own) if ruled.how == "pregranted" && !given.is_empty() => {
            let ends = book.ends(origin);
            let kept = own.scopes.keys().filter(|scope| given.contains(scope));
            let left: Terms = kept.map(|scope| (*scope, ends.get(scope).copied())).collect();
            match left.is_empty() {
                true => ("taken-back", Cow::Owned(left)),
                false => (ruled.how, Cow::Owned(left)),
            }
        }
        _ => (ruled.how, Cow::Borrowed(&*ruled.terms)),
    };
    let how = said(&format!("origin-administrator-{how}"));
    let mut line = match common_end(&terms) {
        _ if terms.is_empty() => format!("{origin}: {} ({how})", said("origin-nothing-at-all")),
        Some(Some(end)) => format!(
            "{origin}: {} ({how}; {})",
            named_of(&terms, shell),
            until(Some(end), now, shell)
        ),
        Some(None) => format!("{origin}: {} ({how})", named_of(&terms, shell)),
        None => format!("{origin}: {} ({how})", each(&terms, now, shell)),
    };
    if let Some(own) = own.filter(|own| ruled.how != "pregranted" && !own.scopes.is_empty()) {
        let scopes = arguments([("scopes", told(&own.scopes, now, shell))]);
        line += &format!("; {}", shell.text("origin-own-idle", &scopes));
    }
    line + "\n"
}

fn grant(origin: &str, scopes: &[String], until: Option<&str>) -> Result<Grant, CliError> {
    let granted = OffsetDateTime::now_utc();
    let expires = match until {
        None => Some(granted + USUAL),
        Some(NEVER) => None,
        Some(text) => {
            let time = OffsetDateTime::parse(text, &Rfc3339).ok();
            let bad = || CliError::misuse("origin-bad-time", arguments([("value", text.to_owned())]));
            Some(time.filter(|time| *time > granted).ok_or_else(bad)?)
        }
    };
    let asked = scopes_of(scopes);
    let scopes = if asked.is_empty() {
        Scope::USUAL.to_vec()
    } else {
        asked
    };
    Ok(Grant::until(parse(origin)?, scopes, granted, expires))
}

fn scopes_of(names: &[String]) -> Vec<Scope> {
    names.iter().filter_map(|name| Scope::parse(name)).collect()
}

fn allow(file: &Path, grant: &Grant, add: bool, shell: &Shell) -> Result<(), CliError> {
    let now = OffsetDateTime::now_utc();
    let book = GrantBook::new(file.to_owned(), rules(shell)?, Schemes::HttpsAndLoopbackHttp);
    let asked = grant.in_force(now);
    let allowed = book.would_allow(&grant.origin, asked.clone(), now);
    let kept: Vec<Scope> = asked
        .into_iter()
        .filter(|scope| !allowed.contains(scope))
        .collect();
    if allowed.is_empty() {
        let shown = arguments([("origin", grant.origin.to_string())]);
        return Err(CliError::refused("origin-administrator-forbids", shown));
    }
    let write = |grants: &mut Grants| match add {
        true => grants.add(grant.clone()),
        false => grants.allow(grant.clone()),
    };
    Grants::edit(file, write).map_err(|error| unusable(&error))?;
    if !grant.origin.is_https() {
        shell.note("origin-developer-only", &Arguments::new());
    }
    let effective = book.scopes(&grant.origin, now);
    if !kept.is_empty() {
        let scopes = arguments([("scopes", named(&kept, shell))]);
        shell.note("origin-administrator-limits", &scopes);
    }
    if effective.contains(&Scope::BlindDigest) && grant.scopes.contains_key(&Scope::BlindDigest) {
        shell.note("origin-blind-caution", &Arguments::new());
    }
    let ends = book.ends(&grant.origin);
    let terms: Terms = effective
        .iter()
        .map(|scope| (*scope, ends.get(scope).copied()))
        .collect();
    shell.answer(&as_json(grant, now), || {
        let facts = [
            ("origin", grant.origin.to_string()),
            ("scopes", told(&terms, now, shell)),
        ];
        shell.text("origin-allowed", &arguments(facts))
    });
    Ok(())
}

/// What was taken from an origin, out of the person's own file.
struct Taken {
    /// There was something to take.
    had: bool,
    scopes: Vec<Scope>,
}

/// Takes back what the person gave, also where the administrator has fixed what counts: it is not to come back when he
/// no longer does.
fn revoke(file: &Path, origin: &str, scopes: &[String], shell: &Shell) -> Result<(), CliError> {
    let origin = parse(origin)?;
    let rules = rules(shell)?;
    let (asked, now) = (scopes_of(scopes), OffsetDateTime::now_utc());
    let meant = |scope: &Scope| asked.is_empty() || asked.contains(scope);
    let fixed = rules.allow.iter().any(|rule| rule.origin == origin);
    let pregranted = rules.pregrant.iter().find(|rule| !fixed && rule.origin == origin);
    let change = |grants: &mut Grants| {
        let own = grants.of(&origin).map(|grant| grant.scopes.clone());
        let Some(given) = pregranted else {
            let scopes: Vec<Scope> = own.unwrap_or_default().into_keys().filter(meant).collect();
            let had = match asked.is_empty() {
                true => grants.revoke(&origin),
                false => grants.narrow(&origin, &asked),
            };
            return Taken { had, scopes };
        };
        // What stays is written down, so that the rest is gone.
        let mut kept = own.unwrap_or_else(|| {
            given
                .in_force(now)
                .into_iter()
                .map(|scope| (scope, None))
                .collect()
        });
        let mut scopes = in_force(&kept, now);
        scopes.retain(meant);
        kept.retain(|scope, _| !scopes.contains(scope));
        let had = !scopes.is_empty();
        if had {
            let mut left = Grant::until(origin.clone(), [], now, None);
            left.scopes = kept;
            grants.allow(left);
        }
        Taken { had, scopes }
    };
    let taken = Grants::edit(file, change).map_err(|error| unusable(&error))?;
    let book = GrantBook::new(file.to_owned(), rules, Schemes::HttpsAndLoopbackHttp);
    let left = book.scopes(&origin, now);
    let value = json!({
        "origin": origin.as_str(), "revoked": taken.had, "taken": names(&taken.scopes), "left": names(&left),
    });
    shell.answer(&value, || revoked(&origin, &asked, &taken, &left, fixed, shell));
    // Where the administrator has fixed it, it may what it might.
    if taken.had && !fixed {
        Ok(())
    } else {
        Err(CliError::answered(Exit::No))
    }
}

/// What was taken away, what was not there to be taken, and what is left.
fn revoked(
    origin: &Origin,
    asked: &[Scope],
    taken: &Taken,
    left: &[Scope],
    fixed: bool,
    shell: &Shell,
) -> String {
    let said = |key: &str, scopes: &[Scope]| {
        let facts = [("origin", origin.to_string()), ("scopes", named(scopes, shell))];
        shell.text(key, &arguments(facts))
    };
    let lacked: Vec<Scope> = asked
        .iter()
        .copied()
        .filter(|scope| !taken.scopes.contains(scope) && !left.contains(scope))
        .collect();
    let mut lines = Vec::new();
    if fixed {
        if !taken.scopes.is_empty() {
            lines.push(said("origin-own-part-gone", &taken.scopes));
        }
        lines.push(said("origin-administrator-fixed-it", &[]));
    } else if taken.had && left.is_empty() {
        lines.push(said("origin-revoked", &[]));
    } else {
        if !taken.scopes.is_empty() {
            lines.push(said("origin-no-longer", &taken.scopes));
        }
        match lacked.is_empty() {
            true if !taken.had => lines.push(said("origin-unknown", &[])),
            true => {}
            false => lines.push(said("origin-lacks", &lacked)),
        }
    }
    if !left.is_empty() {
        lines.push(said("origin-left", left));
    }
    lines.join("\n")
}

fn parse(origin: &str) -> Result<Origin, CliError> {
    let read = |text: &str| Origin::parse(text, Schemes::HttpsAndLoopbackHttp);
    read(origin).map_err(|_| {
        // An address that was copied out of the browser has a path; whoever wrote it sees what is meant.
        let meant = meant(origin).filter(|meant| read(meant).is_ok());
        let key = match meant {
            Some(_) => "origin-bad-but",
            None => "origin-bad",
        };
        CliError::misuse(
            key,
            arguments([
                ("origin", origin.to_owned()),
                ("meant", meant.unwrap_or_default()),
            ]),
        )
    })
}

/// The origin of an address (RFC 6454), a host with other than ASCII letters in the form that browsers send.
fn meant(address: &str) -> Option<String> {
    let origin = url::Url::parse(address.trim()).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

fn unusable(error: &GrantsError) -> CliError {
    let shown = |file: &Path| ("file", file.display().to_string());
    match error {
        GrantsError::Io { file, cause } => CliError::file("origin-file-failed", file, cause),
        GrantsError::Rights { file } => CliError::failed("origin-file-rights", arguments([shown(file)])),
        GrantsError::Content { file, line, reason } => {
            CliError::failed_in_each("origin-file-content", |language| {
                arguments([
                    shown(file),
                    ("line", line.to_string()),
                    ("reason", reason.said(language)),
                ])
            })
        }
    }
}

fn as_json(grant: &Grant, now: OffsetDateTime) -> Value {
    let mut value = terms_as_json(&grant.origin, &grant.scopes, now);
    value["granted"] = json!(grant.granted.format(&Rfc3339).ok());
    value
}

fn terms_as_json(origin: &Origin, terms: &Terms, now: OffsetDateTime) -> Value {
    let text = |time: OffsetDateTime| time.format(&Rfc3339).ok();
    let scopes: Vec<Scope> = terms.keys().copied().collect();
    let until = terms
        .iter()
        .filter_map(|(scope, end)| Some((scope.name(), text((*end)?)?)));
    json!({
        "origin": origin.as_str(),
        "scopes": names(&scopes),
        "expires": common_end(terms).flatten().and_then(text),
        "until": until.collect::<BTreeMap<_, _>>(),
        "in_force": !in_force(terms, now).is_empty(),
    })
}

fn names(scopes: &[Scope]) -> Vec<&'static str> {
    scopes.iter().map(|scope| scope.name()).collect()
}

fn line(grant: &Grant, now: OffsetDateTime, shell: &Shell) -> String {
    format!("{}: {}", grant.origin, told(&grant.scopes, now, shell))
}

/// What is permitted, with its end or ends.
fn told(terms: &Terms, now: OffsetDateTime, shell: &Shell) -> String {
    match common_end(terms) {
        _ if terms.is_empty() => shell.text("origin-nothing", &Arguments::new()),
        Some(end) => format!("{} ({})", named_of(terms, shell), until(end, now, shell)),
        None => each(terms, now, shell),
    }
}

/// Each with its own end.
fn each(terms: &Terms, now: OffsetDateTime, shell: &Shell) -> String {
    let each = terms
        .iter()
        .map(|(scope, end)| format!("{} ({})", named(&[*scope], shell), until(*end, now, shell)));
    each.collect::<Vec<_>>().join(", ")
}

fn until(end: Option<OffsetDateTime>, now: OffsetDateTime, shell: &Shell) -> String {
    let (key, time) = match end {
        Some(time) if time <= now => ("origin-ended", time_in_vietnam(time)),
        Some(time) => ("origin-until", time_in_vietnam(time)),
        None => ("origin-forever", String::new()),
    };
    shell.text(key, &arguments([("time", time)]))
}

fn named_of(terms: &Terms, shell: &Shell) -> String {
    let all: Vec<Scope> = terms.keys().copied().collect();
    named(&all, shell)
}

/// Behind what the person wrote down: what of it counts, where the administrator allows less.
fn under_policy(grant: &Grant, effective: &[Scope], now: OffsetDateTime, shell: &Shell) -> String {
    let written = grant.in_force(now);
    if written.iter().all(|scope| effective.contains(scope)) {
        return String::new();
    }
    let (key, scopes) = match effective {
        [] => ("origin-policy-nothing", String::new()),
        some => ("origin-policy-only", named(some, shell)),
    };
    format!("; {}", shell.text(key, &arguments([("scopes", scopes)])))
}

fn named(scopes: &[Scope], shell: &Shell) -> String {
    let key = |scope: &Scope| format!("scope-{}", scope.name().replace('_', "-"));
    let names: Vec<String> = scopes
        .iter()
        .map(|scope| shell.text(&key(scope), &Arguments::new()))
        .collect();
    names.join(", ")
}
