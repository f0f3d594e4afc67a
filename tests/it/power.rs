//! Power cuts: the bridge on a disk that forgets all that was not flushed.
//!
//! `kill -9` leaves everything in the system's page cache, so it cannot show whether anything was ever synced. Here the
//! store lies on a file system of its own (`data`), whose loop device is a file on another one (`drive`):
//!
//! ```text
//! store ─ ext4 at data/ ─ loop device ─ drive/data.img ─ ext4 at drive/ ─ loop device ─ drive.img
//! ```
//!
//! The power is cut with the ioctl that file systems themselves are tested with (`EXT4_IOC_SHUTDOWN`, no flush of the
//! log): from that instant nothing more leaves the file system, neither its dirty pages nor its journal, and every sync
//! fails. So nothing has to be copied, and the layer below stays as it was at one instant; a copy would take its time and
//! mix several.
//!
//! - [`Cut::Host`] strikes `data`: it loses the writes that the host had not handed to the drive. This drive has no cache.
//! - [`Cut::Drive`] strikes `drive`: it also loses the writes that the host had handed over without a flush, because the
//!   page cache of `drive` is a volatile cache for `data.img`. Before that, some parts of it are written back out of
//!   order, as a drive does.
//!
//! Then the process is killed, both file systems are unmounted and mounted again, each replaying its journal, and the
//! bridge must open its store. Every event that it acknowledged to a vendor must be there, and every outcome that its log
//! called recorded. Afterwards the storm goes on, on the same store, and at the end every message must have arrived.
//!
//! Both tests need root and loop devices. Run them with `tests/power-loss`, which gives them a mount namespace of their
//! own: however they end, the kernel unmounts their file systems and frees the loop devices.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::fs::{Advice, fadvise};
use tandem::clock::Clock;
use tandem::sandbox::Sandbox;

use crate::process::Host;
use crate::storm::{LIFE_MAX, Storm, acknowledged, attempts, wanted};
use crate::support::{http_client, list, start_of_time};

/// The store wants 256 MiB free beside its own files.
const DATA_MIB: u64 = 320;
/// Room for all of the above, and a journal.
const DRIVE_MIB: u64 = 384;

/// The ioctl that stops an ext4 file system dead, and its flag for "do not flush the log" (linux/fs/ext4/ext4.h). Perl
/// is on every Debian, and no Rust without `unsafe` can do this.
const SHUT_DOWN: &str =
    r#"my $how = pack("L", 2); open(my $at, "<", $ARGV[0]) or die $!; ioctl($at, 0x8004587d, $how) or die $!"#;

/// The part that loses its power.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cut {
    /// The host; the drive has written all that it was handed.
    Host,
    /// The drive as well, with the contents of its cache.
    Drive,
}

/// The two file systems.
struct Disk {
    directory: PathBuf,
}

impl Disk {
    fn new(name: &str) -> Self {
        // On the same file system as the build, which is a real disk; `/tmp` may be memory.
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(fs::remove_dir_all(&directory));
        let disk = Self { directory };
        fs::create_dir_all(disk.at("drive")).unwrap();
        fs::create_dir_all(disk.at("data")).unwrap();
        File::create(disk.at("drive.img")).unwrap().set_len(DRIVE_MIB << 20).unwrap();
        make_file_system(&disk.at("drive.img"));
        mount(&disk.at("drive.img"), &disk.at("drive"));
        // Written, not only reserved, so that a part that is written back later is there without any journal.
        let (from, to) = ("if=/dev/zero".to_owned(), format!("of={}", disk.at("drive/data.img").display()));
        run("dd", [from, to, "bs=1M".to_owned(), format!("count={DATA_MIB}"), "conv=fsync".to_owned()]);
        disk.format();
        disk
    }

    fn at(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Where the store is, as the configuration says it.
    fn store_url(&self) -> String {
        format!("sled:{}", self.at("data/store").display())
    }

    /// Makes `data` empty, and mounts it.
    fn format(&self) {
        make_file_system(&self.at("drive/data.img"));
        mount(&self.at("drive/data.img"), &self.at("data"));
    }

    /// Lets the drive write some of its cache back: a part here, a part there.
    fn write_back(&self, lots: &Clock) {
        let image = File::open(self.at("drive/data.img")).unwrap();
        for _ in 0..lots.draw_u32() % 12 {
            let offset = u64::from(lots.draw_u32()) % (DATA_MIB << 20);
            let length = 4096 << (lots.draw_u32() % 12);
            fadvise(&image, offset, std::num::NonZeroU64::new(length), Advice::DontNeed).unwrap();
        }
    }

    fn cut(&self, cut: Cut) {
        let place = self.at(if cut == Cut::Host { "data" } else { "drive" });
        // Were nothing mounted there, it would be this machine's own file system.
        let device = |path: &Path| fs::metadata(path).unwrap().dev();
        assert_ne!(device(&place), device(&self.directory), "{} is not mounted", place.display());
        run("perl", ["-e".to_owned(), SHUT_DOWN.to_owned(), place.display().to_string()]);
    }

    /// The power is back. Nothing may use the disk any more.
    fn mount_again(&self) {
        unmount(&self.at("data"));
        unmount(&self.at("drive"));
        mount(&self.at("drive.img"), &self.at("drive"));
        mount(&self.at("drive/data.img"), &self.at("data"));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A failure does no harm: the namespace takes the mount with it.
        for place in ["data", "drive"] {
            drop(Command::new("umount").arg(self.at(place)).status());
        }
        drop(fs::remove_dir_all(&self.directory));
    }
}

fn make_file_system(image: &Path) {
    // Not discarded: that would make holes in the written image.
    let options = ["-q", "-F", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"].map(str::to_owned);
    run("mkfs.ext4", options.into_iter().chain([image.display().to_string()]));
}

fn mount(image: &Path, place: &Path) {
    // A loop device that is set up by `mount` is freed with the last mount.
    run("mount", ["-o".to_owned(), "loop".to_owned(), image.display().to_string(), place.display().to_string()]);
}

fn unmount(place: &Path) {
    run("umount", [place.display().to_string()]);
}

/// Runs a command of the system, which must succeed.
fn run(program: &str, arguments: impl IntoIterator<Item = String>) {
    let output = Command::new(program).args(arguments).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} failed: {}", String::from_utf8_lossy(&output.stderr));
}

/// The bridge's promises: events that a vendor or the log was told of.
#[derive(Default)]
struct Told {
    /// Events whose webhooks were answered with 202.
    kept: BTreeSet<String>,
    /// Deliveries that the log called done.
    done: BTreeSet<String>,
}

impl Told {
    fn by(host: &Host, vendors: &Sandbox) -> Self {
        let done = |line: String| line.split_once("delivery.done: ")?.1.split(':').next().map(str::to_owned);
        Self { kept: acknowledged(&attempts(vendors)), done: host.logged().into_iter().filter_map(done).collect() }
    }

    /// Without the promises of `before`.
    fn since(mut self, before: &Told) -> Self {
        self.kept.retain(|event| !before.kept.contains(event));
        self.done.retain(|event| !before.done.contains(event));
        self
    }

    /// The promises that the bridge does not keep.
    async fn broken(&self, host: &Host) -> Vec<String> {
        let deliveries = list(&http_client(), &host.operator, "/api/deliveries", "").await;
        let with = |state: &str| -> BTreeSet<String> {
            let these = deliveries.iter().filter(|delivery| state.is_empty() || delivery["state"] == state);
            these.map(|delivery| delivery["id"].as_str().unwrap().to_owned()).collect()
        };
        let (known, delivered) = (with(""), with("delivered"));
        let lost = self.kept.difference(&known).map(|event| format!("{event} is lost"));
        let undone = self.done.difference(&delivered).map(|event| format!("{event} was done"));
        lost.chain(undone).collect()
    }
}

/// A life that ends with the power, at an instant that the lots choose, perhaps while the store is being opened.
async fn live_and_lose_power(host: &mut Host, vendors: &Sandbox, disk: &Disk, cut: Cut, opening: bool, lots: &Clock) {
    let instant = async |most_millis: u32| {
        let wait = Duration::from_micros((lots.draw_u32() % (most_millis * 1000)).into());
        vendors.wait_until(wait, || false).await;
        disk.write_back(lots);
        disk.cut(cut);
    };
    if opening {
        tokio::join!(host.try_start(vendors), instant(200));
    } else {
        host.start(vendors).await;
        let process = host.process.as_mut().unwrap();
        let lines = process.lines_logged() + 1 + lots.draw_u32() as usize % 30;
        process.logs_lines(lines, LIFE_MAX).await;
        instant(20).await;
    }
    host.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root and loop devices: run tests/power-loss"]
async fn when_the_power_goes_nothing_acknowledged_is_lost_and_nothing_recorded_is_undone() {
    let (trials, seed) = (wanted("TRIALS").expect("run tests/power-loss"), wanted("SEED").unwrap());
    let lots = Clock::manual(start_of_time(), seed.into());
    let disk = Disk::new("power-loss");
    let mut storm = Storm::gather(seed, trials).await;
    storm.bridge.host.environment.insert("TANDEM_STORE__URL", disk.store_url());
    let mut mounted = Vec::new();
    let (mut checked, mut by_cut) = (0, [0; 3]);
    storm
        .rage(trials, async |host, vendors| {
            let cut = if lots.draw_u32().is_multiple_of(2) { Cut::Host } else { Cut::Drive };
            let opening = lots.draw_u32().is_multiple_of(4);
            live_and_lose_power(host, vendors, &disk, cut, opening, &lots).await;
            let told = Told::by(host, vendors);
            let begun = Instant::now();
            disk.mount_again();
            mounted.push(begun.elapsed());
            host.start(vendors).await;
            let broken = told.broken(host).await;
            assert!(broken.is_empty(), "seed {seed}, after {cut:?}: {broken:#?}");
            checked += told.kept.len() + told.done.len();
            by_cut[cut as usize] += 1;
            by_cut[2] += u32::from(opening);
            // Killed before the next life, so that the next one opens the store that this one has just recovered.
            host.kill();
        })
        .await;
    mounted.sort_unstable();
    println!(
        "{}; {} cuts of the host, {} of the drive, {} of them while opening; {checked} promises looked up after the \
         cuts, 0 broken; mounted again after {:.0?} (median)",
        storm.end().await,
        by_cut[0],
        by_cut[1],
        by_cut[2],
        mounted[mounted.len() / 2],
    );
}

/// The same without our own sync: were this test to find nothing, the other would show nothing.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root and loop devices: run tests/power-loss"]
async fn a_store_that_does_not_sync_is_found_out() {
    let (trials, seed) = (wanted("TRIALS").expect("run tests/power-loss"), wanted("SEED").unwrap());
    let trials = trials.div_ceil(2);
    let lots = Clock::manual(start_of_time(), seed.into());
    let disk = Disk::new("power-loss-unsynced");
    let mut storm = Storm::gather(seed, trials).await;
    storm.bridge.host.environment.insert("TANDEM_STORE__URL", disk.store_url());
    storm.bridge.host.environment.insert("TANDEM_FAILPOINT", "log.sync:omit".to_owned());
    let mut found = [(0, 0); 2];
    storm
        .rage(trials, async |host, vendors| {
            let cut = if lots.draw_u32().is_multiple_of(2) { Cut::Host } else { Cut::Drive };
            let before = Told::by(host, vendors);
            live_and_lose_power(host, vendors, &disk, cut, false, &lots).await;
            let told = Told::by(host, vendors).since(&before);
            disk.mount_again();
            let broken = if host.try_start(vendors).await { told.broken(host).await.len() } else { usize::MAX };
            let (all, bad) = &mut found[cut as usize];
            *all += 1;
            *bad += u32::from(broken > 0);
            host.kill();
            // Each trial on its own.
            unmount(&disk.at("data"));
            disk.format();
        })
        .await;
    let [(host, host_found), (drive, drive_found)] = found;
    println!(
        "without our sync: found out after {host_found} of {host} cuts of the host, {drive_found} of {drive} of the drive"
    );
    assert!(host_found + drive_found > 0, "seed {seed}: the harness does not notice");
}
