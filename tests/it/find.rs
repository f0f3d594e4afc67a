//! Finding a customer, a ticket or a text from the terminal by any clue, and following new deliveries. No more is shown
//! than lists show.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use crate::process::{Process, Said, run, tandem};
use crate::support::TestBridge;

/// Two customers: ada has a reply on her phone, drew has only written.
struct Talk {
    bridge: TestBridge,
    ticket: u64,
    phone: String,
}

async fn talk() -> Talk {
    let bridge = TestBridge::start().await;
    let (ticket, customer) = bridge.talking("ada").await;
    bridge.talking("drew").await;
    bridge.sandbox.zendesk.agent_reply(ticket, "It left our house today.");
    bridge.settled().await;
    let phone = bridge.sandbox.braze.profile(&customer).unwrap().phone.unwrap();
    Talk { bridge, ticket, phone }
}

impl Talk {
    async fn says(&self, arguments: &[&str]) -> Said {
        run(tandem(&[arguments, &["--url", &self.bridge.operator]].concat())).await
    }

    fn shows_nothing_written(&self, said: &Said) {
        for secret in [self.phone.as_str(), "Lovelace", "It left our house", "Hello"] {
            assert!(!said.out.contains(secret), "{secret}: {}", said.out);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_became_of_the_text_is_one_command_away() {
    let talk = talk().await;
    let reply = talk.bridge.deliveries("newest=true&state=delivered&destination=braze&doorbells=false").await;
    let (id, receipt) = (reply[0]["id"].as_str().unwrap(), reply[0]["receipt"].as_str().unwrap());
    let (ticket, dispatch) = (format!("#{}", talk.ticket), receipt.strip_prefix("dispatch ").unwrap());
    let end = &talk.phone[talk.phone.len() - 2..];
    for (words, by) in [
        (end, "phone"),
        (&talk.phone, "phone"),
        (&talk.phone[2..], "phone"),
        (&ticket, "ticket"),
        (id, "event"),
        (dispatch, "dispatch"),
    ] {
        let said = talk.says(&["find", words, "--utc"]).await;
        assert_eq!(said.code, 0, "{words}: {said:?}");
        assert!(said.out.contains(&format!("By {by}: 1 of 1\n")), "{words}: {}", said.out);
        let person = format!("ada  …{end}  ticket #{} (", talk.ticket);
        assert!(said.out.contains(&person), "{words}: {}", said.out);
        let told = said.out.lines().find(|line| line.contains("phone_text")).unwrap_or_else(|| panic!("{}", said.out));
        for words in [id, "delivered", receipt] {
            assert!(told.contains(words), "{told}");
        }
        assert!(!said.out.contains("agent_reply"), "an answered doorbell tells nothing: {}", said.out);
        talk.shows_nothing_written(&said);
    }
    let said = talk.says(&["find", "DREW"]).await;
    assert!(said.out.starts_with("By id: 1 of 1\n\ndrew  …"), "{said:?}");
    let said = talk.says(&["find", "love", "lace", "--json"]).await;
    assert_eq!((said.code, said.json()["groups"].as_array().map(Vec::len)), (1, Some(0)), "{said:?}");
    let said = talk.says(&["find", "LOVE", "--json"]).await;
    let people = said.json()["groups"][0]["people"].clone();
    let keys: Vec<&Value> = people.as_array().unwrap().iter().map(|person| &person["key"]).collect();
    assert_eq!(keys, ["ada", "drew"], "both are called so; hers is the newest: {said:?}");
    let said = talk.says(&["find", "nobody"]).await;
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(said.err.contains("nothing is found by \"nobody\""), "{}", said.err);
    let said = talk.says(&["find", "a"]).await;
    assert!(said.code == 1 && said.err.contains("the last 2 digits"), "{said:?}");
    talk.bridge.finish(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_begin_where_the_operator_wants_and_show_whom_they_are_about() {
    let talk = talk().await;
    let end = &talk.phone[talk.phone.len() - 2..];
    let rows = |said: &Said, kind: &str| said.out.lines().filter(|line| line.contains(kind)).count();
    for (arguments, texts, replies) in [
        (&["deliveries", "list", "--phone", end][..], 1, 1),
        (&["deliveries", "list", "--phone", "99999"], 0, 0),
        (&["deliveries", "list", "--ticket", &talk.ticket.to_string()], 1, 1),
        (&["deliveries", "list", "--since", "1h"], 2, 1),
        (&["deliveries", "list", "--until", "1h"], 0, 0),
        (&["deliveries", "list", "--destination", "zendesk"], 2, 0),
        (&["deliveries", "list", "--reverse", "--limit", "1"], 0, 1),
        (&["deliveries", "list", "--limit", "1"], 1, 0),
    ] {
        let said = talk.says(arguments).await;
        assert_eq!(
            (said.code, rows(&said, "customer_text"), rows(&said, "phone_text")),
            (0, texts, replies),
            "{arguments:?}: {said:?}"
        );
    }
    let said = talk.says(&["deliveries", "list", "--utc"]).await;
    let at = said.out.lines().nth(1).unwrap().split("  ").find(|cell| cell.ends_with('Z')).unwrap();
    assert_eq!(at.trim().len(), "2027-01-15 08:00:00Z".len(), "to the second: {at}");
    for arguments in [&["--phone", end][..], &["--ticket", &talk.ticket.to_string()], &["--reverse", "--limit", "1"]] {
        let said = talk.says(&[&["conversations", "list"], arguments].concat()).await;
        assert!(said.out.contains(&format!("ada  …{end}")) && !said.out.contains("drew"), "{arguments:?}: {said:?}");
        talk.shows_nothing_written(&said);
    }
    for (flags, shown) in [(&[][..], false), (&["--doorbells"], true)] {
        let said = talk.says(&[&["deliveries", "list"], flags].concat()).await;
        assert_eq!(said.out.contains("agent_reply"), shown, "{said:?}");
    }
    let said = talk.says(&["deliveries", "list"]).await;
    let listed = said.out.lines().nth(1).unwrap().split("  ").find(|cell| cell.trim().starts_with("20")).unwrap();
    let said = talk.says(&["deliveries", "list", "--since", listed.trim()]).await;
    assert_eq!((said.code, rows(&said, "phone_text")), (0, 1), "what a list shows is taken: {said:?}");
    let said = talk.says(&["deliveries", "list", "--since", "yesterday"]).await;
    assert!(said.code == 2 && said.err.contains("an age such as 90m, 1h or 2d"), "{said:?}");
    talk.bridge.finish(0).await;
}

/// An address that stays the same while the bridge behind it comes and goes.
async fn steady(target: Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let behind = target.lock().unwrap().trim_start_matches("http://").to_owned();
            tokio::spawn(async move {
                if let Ok(mut bridge) = TcpStream::connect(behind).await {
                    tokio::io::copy_bidirectional(&mut client, &mut bridge).await.ok();
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_follows_sees_what_comes_and_what_becomes_of_it_also_after_a_restart() {
    let mut talk = talk().await;
    let behind = Arc::new(Mutex::new(talk.bridge.operator.clone()));
    let url = steady(Arc::clone(&behind)).await;
    let mut tail = Process::spawn(tandem(&["deliveries", "tail", "-n", "1", "--json", "--url", &url]), "");
    let first = tail.prints("phone_text").await.expect("it follows");
    let first: Value = serde_json::from_str(&first).unwrap();
    assert_eq!((&first["conversation"], &first["state"]), (&"ada".into(), &"delivered".into()));
    assert_eq!(tail.output().len(), 1, "no more than was asked for");

    talk.bridge.talking("emmy").await;
    let came = tail.prints("\"conversation\":\"emmy\"").await.expect("what comes is printed");
    assert!(!came.contains("Hello"), "{came}");
    tail.prints("emmy\",\"destination\":\"zendesk\"").await.expect("with where it goes");

    talk.bridge.stop().await;
    tail.logs("waiting for it").await.expect("it says that the bridge is gone");
    talk.bridge.run().await;
    *behind.lock().unwrap() = talk.bridge.operator.clone();
    tail.logs("the bridge is back").await.expect("it says that the bridge is back");
    talk.bridge.talking("frances").await;
    tail.prints("\"conversation\":\"frances\"").await.expect("it goes on");
    assert_eq!(tail.output().iter().filter(|line| line.contains("\"ada\"")).count(), 1, "nothing twice");
    // Ctrl-C does the same, but not to a process that a shell has started in the background, as it may have these tests.
    tail.signal("TERM");
    let ended = tail.ended(crate::support::DEADLINE).await.expect("a signal ends it");
    assert_eq!(ended.code(), None, "as any command that a signal ends");
    talk.bridge.finish(0).await;
}
