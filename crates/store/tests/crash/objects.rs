//! Every effect on the object store goes wrong once, in every way.

use std::sync::Arc;

use everpost_store::{Result, Tenant};
use everpost_testkit::faults::{After, Fault, Faults, Plan};
use futures::StreamExt;
use object_store::memory::InMemory;

use super::common::{
    Groups, Place, distinct, groups, is_whole, items, prepared, reads_back, scratch, soak,
};

async fn admit(tenant: &Tenant, group: &[Vec<u8>]) -> Result<()> {
    let group = group.iter().map(|mail| prepared(mail)).collect();
    tenant.admit(group, None).await.map(drop)
}

/// Log and index follow as well as they can: they must not keep mail out.
async fn follow(tenant: &Tenant) {
    tenant.advance_log().await.ok();
    tenant.advance_index(true).await.ok();
}

/// Runs everything under one plan; returns whether the plan's effect was reached.
async fn survive(groups: Groups, plan: Plan) -> bool {
    let dir = scratch();
    let place = Place {
        data: dir.path().join("data"),
        objects: Arc::new(InMemory::new()),
    };
    let faults = Faults::over(place.objects.clone());
    let (store, tenant) = place.open(Some(Arc::new(faults.clone()))).await;
    faults.obey(plan);
    let mut acknowledged = 0;
    for group in groups.iter() {
        if admit(&tenant, group).await.is_err() {
            assert!(faults.tripped().is_some(), "only the fault refuses mail");
            if plan.after == After::Dead {
                break;
            }
            // The sender tries again.
            admit(&tenant, group).await.unwrap();
        }
        acknowledged += 1;
        follow(&tenant).await;
    }
    let tripped = faults.tripped();
    if plan.after == After::Works {
        // No restart: the same process goes on as if nothing had been.
        is_whole(&place, &tenant, &distinct(&groups), items(&groups)).await;
    }
    drop((store, tenant));
    let (_store, tenant) = place.open(None).await;
    let (done, rest) = groups.split_at(acknowledged);
    reads_back(&tenant, distinct(done).values()).await;
    place.check_catalog().await;
    // What was not acknowledged is sent again, and then small groups that were: those add
    // deliveries and nothing else.
    for group in rest {
        admit(&tenant, group).await.unwrap();
    }
    let again = [&groups[..2], &groups[4..5]].concat();
    for group in &again {
        admit(&tenant, group).await.unwrap();
    }
    is_whole(
        &place,
        &tenant,
        &distinct(&groups),
        items(&groups) + items(&again),
    )
    .await;
    tripped.is_some()
}

async fn effects(groups: &Groups) -> u64 {
    let dir = scratch();
    let place = Place {
        data: dir.path().join("data"),
        objects: Arc::new(InMemory::new()),
    };
    let faults = Faults::over(place.objects.clone());
    let (_store, tenant) = place.open(Some(Arc::new(faults.clone()))).await;
    for group in groups.iter() {
        admit(&tenant, group).await.unwrap();
        follow(&tenant).await;
    }
    faults.count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_effect_fails_nothing_is_lost_or_doubled() {
    let groups = groups();
    let effects = effects(&groups).await;
    assert!(
        effects > 40,
        "packs, parts, a tile, splits, a merge: {effects}"
    );
    let mut plans = Vec::new();
    for at in 1..=effects {
        for (number, fault) in (0..).zip(Fault::ALL) {
            for after in After::ALL {
                // The landing tier tries each effect in each way, and one way of going on.
                if soak() || after == After::ALL[(at as usize + number) % 2] {
                    plans.push(Plan { at, fault, after });
                }
            }
        }
    }
    let count = plans.len();
    let runs = plans.into_iter().map(|plan| {
        let run = tokio::spawn(survive(groups.clone(), plan));
        async move { (plan, run.await) }
    });
    let mut runs = futures::stream::iter(runs).buffer_unordered(2);
    while let Some((plan, run)) = runs.next().await {
        assert!(
            run.unwrap_or_else(|error| panic!("{plan:?}: {error}")),
            "{plan:?} was not reached"
        );
    }
    println!("{effects} effects, {count} faults survived");
}
