#include "tests/chaos/kill_round.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <memory>
#include <random>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/status.h"
#include "clients/cpp/client.h"
#include "clients/cpp/wait.h"
#include "tests/chaos/kill_ledger.h"
#include "tests/chaos/kill_load.h"
#include "tests/chaos/kill_observe.h"
#include "tests/chaos/oracle.h"
#include "tests/harness/cluster.h"

namespace nevus::chaos {
namespace {

// What is killed. Not `serving`, which keeps nothing and which nothing here
// waits for.
const std::vector<std::string>& Victims() {
  static const auto* const victims = new std::vector<std::string>{
      "ingestion", "extraction",        "training",        "registry",
      "scheduler", "worker-extraction", "worker-training", "worker-evaluation"};
  return *victims;
}

// A process that is killed right after another one (or itself) wrote a line to
// its log: it did something, and somebody is about to hear of it or to go on.
struct Ambush {
  const char* watched;
  const char* victim;
};
constexpr Ambush kAmbushes[] = {
    {"registry", "registry"},
    {"registry", "worker-training"},
    {"registry", "worker-evaluation"},
    {"scheduler", "scheduler"},
    {"scheduler", "worker-extraction"},
    {"scheduler", "worker-training"},
    {"scheduler", "ingestion"},
    {"scheduler", "extraction"},
    {"worker-extraction", "scheduler"},
    {"worker-extraction", "worker-extraction"},
    {"worker-training", "scheduler"},
    {"worker-training", "worker-training"},
};
constexpr absl::Duration kLookEvery = absl::Microseconds(200);
constexpr absl::Duration kAmbushAtMost = absl::Seconds(2);

// Between kills: long enough for most attempts at a task, so that few lose all
// of theirs.
constexpr int kMinPauseMs = 200;
constexpr int kMaxPauseMs = 1600;
// A start that is killed too is killed within this.
constexpr int kStartupMs = 300;
// After the last kill everything must come to an end. Far longer than leases,
// back-offs and retries take.
constexpr absl::Duration kHopeless = absl::Minutes(3);
// A start takes about a second on an idle machine; this is a failure on any.
constexpr absl::Duration kSlowestStart = absl::Seconds(30);

// Kills and starts again. Thread-compatible.
class Killer {
 public:
  Killer(Cluster& cluster, uint64_t seed, RoundReport& report)
      : cluster_(cluster), random_(seed), report_(report) {}

  // About `count` kills, never fewer.
  absl::Status Kill(int count) {
    const StopSignal pause;  // never set: a wait that ends by its timeout
    while (static_cast<int>(kills_.size()) < count) {
      RETURN_IF_ERROR(CheckNoneEnded());
      pause.WaitFor(
          absl::Milliseconds(kMinPauseMs + Below(kMaxPauseMs - kMinPauseMs)));
      RETURN_IF_ERROR(KillSome(pause));
    }
    return absl::OkStatus();
  }

  // All at once, as when the power goes, except that what was written stays.
  absl::Status KillAll() {
    RETURN_IF_ERROR(CheckNoneEnded());
    for (const std::string& name : cluster_.process_names()) {
      RETURN_IF_ERROR(cluster_.Kill(name));
    }
    return cluster_.StartProcesses();
  }

  const std::vector<chaos::Kill>& kills() const { return kills_; }

 private:
  int Below(int n) {
    return static_cast<int>(random_() % static_cast<uint64_t>(n));
  }

  // One process, or two at once; now and then while it starts again, too.
  absl::Status KillSome(const StopSignal& pause) {
    std::vector<std::string> names = Victims();
    std::shuffle(names.begin(), names.end(), random_);
    if (Below(2) == 0) {
      const Ambush& ambush =
          kAmbushes[Below(static_cast<int>(std::size(kAmbushes)))];
      std::iter_swap(names.begin(),
                     std::find(names.begin(), names.end(), ambush.victim));
      AwaitLogLine(ambush.watched, pause);
    }
    names.resize(Below(5) == 0 ? 2 : 1);
    const bool while_starting = Below(4) == 0;
    if (names.size() == 1 && !while_starting) {
      Note(names[0]);
      ASSIGN_OR_RETURN(const absl::Duration took, cluster_.Restart(names[0]));
      NoteStart(names[0], took);
      return absl::OkStatus();
    }
    for (const std::string& name : names) RETURN_IF_ERROR(KillOne(name));
    for (const std::string& name : names) {
      RETURN_IF_ERROR(cluster_.Launch(name));
    }
    if (while_starting) {
      pause.WaitFor(absl::Milliseconds(Below(kStartupMs)));
      RETURN_IF_ERROR(KillOne(names[0]));
      RETURN_IF_ERROR(cluster_.Launch(names[0]));
    }
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const absl::Duration took, cluster_.AwaitServing(name));
      NoteStart(name, took);
    }
    return absl::OkStatus();
  }

  // One that died of something else is a finding, and goes on too.
  absl::Status CheckNoneEnded() {
    for (const std::string& name : cluster_.Ended()) {
      report_.findings.push_back(
          absl::StrCat(name, " ended by itself; its log's last line says why"));
      RETURN_IF_ERROR(cluster_.Restart(name).status());
    }
    return absl::OkStatus();
  }

  // Until `name` writes to its log, but not for ever: it may have nothing to
  // do.
  void AwaitLogLine(const std::string& name, const StopSignal& pause) {
    const std::string log = cluster_.File(name + ".log");
    std::error_code ignored;
    const auto before = std::filesystem::file_size(log, ignored);
    const Stopwatch watch;
    while (std::filesystem::file_size(log, ignored) == before &&
           absl::Seconds(watch.Seconds()) < kAmbushAtMost) {
      pause.WaitFor(kLookEvery);
    }
  }

  absl::Status KillOne(const std::string& name) {
    Note(name);
    return cluster_.Kill(name);
  }

  void Note(const std::string& name) {
    kills_.push_back({Clock::Real().Now(), name});
    ++report_.kills[name];
  }

  void NoteStart(const std::string& name, absl::Duration took) {
    absl::Duration& slowest = report_.slowest_start[name];
    slowest = std::max(slowest, took);
    if (took <= kSlowestStart) return;
    report_.findings.push_back(absl::StrCat(
        name, " took ", absl::FormatDuration(took), " to serve again"));
  }

  Cluster& cluster_;
  std::mt19937_64 random_;
  RoundReport& report_;
  std::vector<chaos::Kill> kills_;
};

// Waits until every job has ended; an error when there is no hope.
absl::StatusOr<std::vector<v1::Job>> AwaitEnds(Client& client,
                                               const Patience& patience) {
  while (true) {
    ASSIGN_OR_RETURN(std::vector<v1::Job> jobs, ReadJobs(client));
    const auto running =
        std::find_if(jobs.begin(), jobs.end(),
                     [](const v1::Job& job) { return !HasEnded(job.state()); });
    if (running == jobs.end()) return jobs;
    if (!patience.Pause()) {
      return absl::DeadlineExceededError(
          absl::StrCat("the job ", running->id(), " (", running->title(),
                       ") is still ", v1::JobState_Name(running->state()), ", ",
                       running->reason(), ": ", running->reason_message()));
    }
  }
}

// Jobs come to their ends; those that failed for the kills alone are tried
// again.
absl::Status Settle(Client& client, const Patience& patience,
                    const std::vector<Kill>& kills, RoundReport& report) {
  ASSIGN_OR_RETURN(const std::vector<v1::Job> jobs,
                   AwaitEnds(client, patience));
  for (const std::string& id : JobsToRetry(jobs, kills)) {
    v1::RetryJobRequest request;
    request.set_id(id);
    RETURN_IF_ERROR(
        client.Call(&v1::JobService::Stub::RetryJob, request).status());
    ++report.retried;
  }
  return AwaitEnds(client, patience).status();
}

void Count(const Book& book, RoundReport& report) {
  for (const auto& [name, dataset] : book.datasets) {
    report.examples += static_cast<int64_t>(dataset.settled.size());
    report.versions += static_cast<int64_t>(dataset.sealed.size());
  }
  for (const auto& [request, job] : book.jobs) report.jobs += !job.id.empty();
}

// Stops `hopeless` when its time has passed, unless it is gone before.
class Deadline {
 public:
  explicit Deadline(StopSignal& hopeless)
      : thread_([this, &hopeless] {
          if (!done_.WaitFor(kHopeless)) hopeless.Stop();
        }) {}
  ~Deadline() {
    done_.Stop();
    thread_.join();
  }

 private:
  StopSignal done_;
  std::thread thread_;  // last: it uses the above
};

void Add(const RoundReport& round, RoundReport& sum) {
  for (const auto& [name, kills] : round.kills) sum.kills[name] += kills;
  for (const auto& [name, took] : round.slowest_start) {
    absl::Duration& slowest = sum.slowest_start[name];
    slowest = std::max(slowest, took);
  }
  sum.examples += round.examples;
  sum.versions += round.versions;
  sum.jobs += round.jobs;
  sum.promotions += round.promotions;
  sum.sweeps += round.sweeps;
  sum.tries_again += round.tries_again;
  sum.retried += round.retried;
  for (const std::string& finding : round.findings) {
    sum.findings.push_back(absl::StrCat("seed ", round.seed, ": ", finding));
  }
  sum.logs += round.logs;
}

int AllKills(const RoundReport& report) {
  int all = 0;
  for (const auto& [name, kills] : report.kills) all += kills;
  return all;
}

std::string SlowestStart(const RoundReport& report) {
  std::string slowest;
  absl::Duration most = absl::ZeroDuration();
  for (const auto& [name, took] : report.slowest_start) {
    if (took <= most) continue;
    most = took;
    slowest = name;
  }
  return absl::StrFormat("%.2f s (%s)", absl::ToDoubleSeconds(most), slowest);
}

std::string Acknowledged(const RoundReport& report) {
  return absl::StrCat(
      "acknowledged: ", report.examples, " examples, ", report.versions,
      " versions, ", report.jobs, " jobs, ", report.promotions,
      " promotions; sweeps that chose: ", report.sweeps,
      "; tasks tried again: ", report.tries_again,
      "; jobs that lost all tries to kills and were retried: ", report.retried);
}

}  // namespace

absl::StatusOr<RoundReport> RunRound(uint64_t seed, int kills,
                                     const std::string& dir) {
  RoundReport report;
  report.seed = seed;
  ASSIGN_OR_RETURN(const std::unique_ptr<Cluster> cluster,
                   Cluster::Start(Topology::kManyProcesses, dir));
  ClientOptions options;
  options.connect_timeout = absl::Seconds(2);
  options.call_timeout = absl::Seconds(20);
  ASSIGN_OR_RETURN(const std::unique_ptr<Client> client,
                   Client::Create(cluster->server(), options));
  StopSignal hopeless;
  const Patience patience(hopeless);
  Ledger ledger;
  Load load(*client, ledger, patience, seed);
  RETURN_IF_ERROR(load.Prepare());

  Killer killer(*cluster, seed, report);
  load.Start();
  const absl::Status killed = killer.Kill(kills);
  absl::Status settled;
  {
    const Deadline deadline(hopeless);
    load.Finish();
    RETURN_IF_ERROR(killed);
    settled = Settle(*client, patience, killer.kills(), report);
  }
  if (!settled.ok()) report.findings.push_back(settled.ToString());
  RETURN_IF_ERROR(killer.KillAll());
  load.AskAgain();

  const Book book = ledger.book();
  Count(book, report);
  const Observed observed = Observe(*client);
  for (const v1::Alias& alias : observed.aliases) {
    report.promotions += alias.history_size();
  }
  for (const v1::Job& job : observed.jobs) {
    const auto asked = book.jobs.find(job.request_id());
    report.sweeps += asked != book.jobs.end() && asked->second.candidates > 0 &&
                     job.state() == v1::SUCCEEDED;
    for (const v1::Task& task : job.tasks()) {
      report.tries_again += std::max(0, task.attempts() - 1);
    }
  }
  for (const std::string& finding : ledger.findings()) {
    report.findings.push_back(finding);
  }
  for (std::string& finding : Judge(book, observed)) {
    report.findings.push_back(std::move(finding));
  }
  if (!report.findings.empty()) report.logs = cluster->Logs();
  return report;
}

absl::StatusOr<RunReport> RunRounds(
    const RunOptions& options,
    const std::function<void(const std::string&)>& progress) {
  RunReport run;
  run.sum.seed = options.seed;
  const Stopwatch watch;
  while (run.sum.findings.empty()) {
    const int left = options.kills - AllKills(run.sum);
    const bool time_left = absl::Seconds(watch.Seconds()) < options.duration;
    if (left <= 0 && !time_left) break;
    const uint64_t seed = options.seed + static_cast<uint64_t>(run.rounds);
    // Always the same number, so that one seed alone plays the same round.
    absl::StatusOr<RoundReport> round = RunRound(
        seed, options.kills_in_round,
        options.dir.empty() ? "" : absl::StrCat(options.dir, "/seed-", seed));
    if (!round.ok()) {
      return Annotate(round.status(), absl::StrCat("seed ", seed));
    }
    ++run.rounds;
    Add(*round, run.sum);
    progress(absl::StrFormat(
        "seed %d: %d kills, slowest start %s; %s; %d findings; %.0f s so far",
        seed, AllKills(*round), SlowestStart(*round), Acknowledged(*round),
        round->findings.size(), watch.Seconds()));
  }
  return run;
}

std::string ToText(const RunReport& report) {
  std::string text = absl::StrFormat(
      "%d kills in %d rounds (%s)\n", AllKills(report.sum), report.rounds,
      absl::StrJoin(report.sum.kills, ", ", absl::PairFormatter(" ")));
  absl::StrAppend(
      &text, "slowest start until it served: ", SlowestStart(report.sum), "\n");
  absl::StrAppend(&text, Acknowledged(report.sum), "\n");
  absl::StrAppend(&text, report.sum.findings.size(), " findings\n");
  for (const std::string& finding : report.sum.findings) {
    absl::StrAppend(&text, "  ", finding, "\n");
  }
  return text;
}

}  // namespace nevus::chaos
