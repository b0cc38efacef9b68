use super::*;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn new(name: &str, created_by: Option<UserId>, seed: u8) -> NewRobot {
    NewRobot {
        name: name.parse().unwrap(),
        description: "builds".to_owned(),
        scopes: vec![scope("team/*")],
        created_by,
        secret_hash: [seed; 32],
        expires_at: None,
    }
}

async fn create(place: &Place, name: &str, seed: u8) -> Robot {
    let created = place.store.create_robot(new(name, None, seed)).await;
    match created.unwrap() {
        RobotCreated::Yes(robot) => *robot,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_robot_needs_a_group_and_a_name_of_its_own() {
    let place = Place::new().await;
    let store = &place.store;
    let ann = user(&place, "ann", Role::Admin).await;
    let created = store.create_robot(new("team+ci", Some(ann.id), 1)).await;
    let RobotCreated::Yes(robot) = created.unwrap() else {
        panic!("not created");
    };
    assert_eq!(robot.created_by.as_deref(), Some("ann"));
    let again = store.create_robot(new("team+ci", None, 2)).await.unwrap();
    assert_eq!(again, RobotCreated::Exists);
    let nowhere = store.create_robot(new("none+ci", None, 3)).await.unwrap();
    assert_eq!(nowhere, RobotCreated::NoGroup);
    let found = store.robot(&"team+ci".parse().unwrap()).await.unwrap();
    assert_eq!(found.as_ref(), Some(&*robot));
    // The robot outlives the account that created it.
    let bob = user(&place, "bob", Role::Admin).await;
    store.remove_user(ann.id).await.unwrap();
    let left = store.robot(&robot.name).await.unwrap().unwrap();
    assert_eq!(left.created_by, None);
    assert_ne!(bob.id, ann.id);
}

#[tokio::test]
async fn a_change_keeps_the_other_fields() {
    let place = Place::new().await;
    let store = &place.store;
    let robot = create(&place, "team+ci", 1).await;
    let credential = store.token_of_secret([1; 32]).await.unwrap();
    assert!(credential.is_some());
    let change = RobotChange {
        disabled: Some(true),
        ..RobotChange::default()
    };
    assert!(store.change_robot(robot.id, change).await.unwrap());
    let changed = store.robot(&robot.name).await.unwrap().unwrap();
    let expected = Robot {
        disabled: true,
        ..robot.clone()
    };
    assert_eq!(changed, expected);
    // A disabled robot cannot sign in.
    let credential = store.token_of_secret([1; 32]).await.unwrap();
    assert!(credential.is_none());
    assert!(store.remove_robot(robot.id).await.unwrap());
    assert!(!store.remove_robot(robot.id).await.unwrap());
    let change = RobotChange::default();
    assert!(!store.change_robot(robot.id, change).await.unwrap());
}

#[tokio::test]
async fn old_secrets_expire_after_a_rotation() {
    let place = Place::new().await;
    let store = &place.store;
    let robot = create(&place, "team+ci", 1).await;
    let now = store.clock().wall_ms();
    let rotated = store.rotate_robot(&robot, [2; 32], None, now + DAY_MS);
    rotated.await.unwrap();
    let secrets = store.robot_secrets(robot.id).await.unwrap();
    let ends: Vec<_> = secrets.iter().map(|secret| secret.expires_at).collect();
    assert_eq!(ends, [None, Some(now + DAY_MS)]);
    for seed in [1, 2] {
        let found = store.token_of_secret([seed; 32]).await.unwrap();
        assert!(found.is_some(), "{seed}");
    }
    place.forward(Duration::from_secs(25 * 60 * 60));
    let found = store.token_of_secret([1; 32]).await.unwrap();
    assert!(found.is_none());
    let found = store.token_of_secret([2; 32]).await.unwrap();
    assert!(found.is_some());
}

#[tokio::test]
async fn the_robots_of_a_group_are_listed_and_searched() {
    let place = Place::new().await;
    let store = &place.store;
    store.create_group(&"other".parse().unwrap()).await.unwrap();
    create(&place, "team+nightly", 1).await;
    create(&place, "team+deploy", 2).await;
    create(&place, "other+c", 3).await;
    let names = async |search: Option<&str>| {
        let search = search.map(str::to_owned);
        let team = "team".parse().unwrap();
        let page = store.robots(&team, search, everything()).await.unwrap();
        let items = page.items.into_iter();
        items.map(|it| it.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(None).await, ["team+deploy", "team+nightly"]);
    assert_eq!(names(Some("NIGHT")).await, ["team+nightly"]);
}
