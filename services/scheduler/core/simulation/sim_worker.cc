#include "services/scheduler/core/simulation/sim_worker.h"

#include "absl/strings/str_cat.h"

namespace nevus::scheduler {
namespace {

// Before a call that was not answered is made again.
constexpr absl::Duration kPatience = absl::Seconds(2);

}  // namespace

SimWorker::SimWorker(World& world, SimScheduler& scheduler, SimStore& store,
                     std::string host)
    : world_(world),
      scheduler_(scheduler),
      store_(store),
      host_(std::move(host)) {
  Ask();
}

std::string SimWorker::name() const { return absl::StrCat(host_, "-", lives_); }

void SimWorker::Later(absl::Duration delay, Action action) {
  world_.After(delay, [this, work = work_, action = std::move(action)] {
    if (work != work_) return;
    if (world_.now() < stopped_until_) {
      Later(stopped_until_ - world_.now(), action);
    } else {
      action();
    }
  });
}

void SimWorker::Answer(int64_t work, Action action) {
  world_.Send([this, work, action = std::move(action)] {
    if (work == work_) Later(absl::ZeroDuration(), action);
  });
}

void SimWorker::Die() {
  ++work_;
  stopped_until_ = absl::InfinitePast();
  // Not each one has a parent who sees it.
  if (world_.Draw(2) == 0) {
    world_.Send([this, dead = name()] { scheduler_.WorkerHasDied(dead); });
  }
  ++lives_;
  Later(world_.Between(absl::Seconds(1), absl::Seconds(5)), [this] { Ask(); });
}

void SimWorker::Ask() {
  const int64_t work = ++work_;
  world_.Send([this, work, worker = name()] {
    scheduler_.LeaseTask(worker, [this, work](std::optional<Grant> grant) {
      Answer(work, [this, grant] {
        if (grant.has_value()) Begin(*grant);
      });
    });
  });
  Later(kPatience, [this] { Ask(); });
}

void SimWorker::Begin(const Grant& grant) {
  ++work_;
  grant_ = grant;
  Beat(0);
  Later(world_.Between(absl::Seconds(1), absl::Seconds(25)), [this] {
    if (world_.Fault(12)) {
      Report({absl::StatusCode::kUnavailable, "", "a service was away"});
    } else if (world_.Fault(60)) {
      Report({absl::StatusCode::kDataLoss, "", "an image is broken"});
    } else {
      WriteResult();
    }
  });
}

void SimWorker::Beat(int64_t done) {
  const int64_t work = work_;
  const Heartbeat beat{
      grant_.task, name(), grant_.token, {done, 100, "images", "", {}}};
  world_.Send([this, work, beat, job = grant_.job] {
    scheduler_.Report(job, beat, [this, work](const absl::Status& status) {
      Answer(work, [this, status] { DropIfLost(status); });
    });
  });
  Later(scheduler_.policy().lease / 3, [this, done] { Beat(done + 1); });
}

void SimWorker::WriteResult() {
  const int64_t work = work_;
  world_.Send([this, work, grant = grant_] {
    store_.Write(grant.job, grant.task, grant.token,
                 [this, work](SimStore::Answer answer) {
                   Answer(work, [this, answer] {
                     switch (answer) {
                       case SimStore::Answer::kWritten:
                         return Report({});
                       case SimStore::Answer::kStale:
                         return Ask();
                       case SimStore::Answer::kDiskFull:
                         return Report({absl::StatusCode::kResourceExhausted,
                                        "DISK_FULL", "the disk is full"});
                     }
                   });
                 });
  });
  Later(kPatience, [this] { WriteResult(); });
}

void SimWorker::Report(const Failure& failure) {
  // From here on it neither writes nor sends heartbeats.
  const int64_t work = ++work_;
  const Finish finish{grant_.task, name(), grant_.token, failure, "made", 0};
  world_.Send([this, work, finish, job = grant_.job] {
    scheduler_.Report(job, finish, [this, work](const absl::Status&) {
      Answer(work, [this] { Ask(); });
    });
  });
  Later(kPatience, [this, failure] { Report(failure); });
}

void SimWorker::DropIfLost(const absl::Status& status) {
  if (!status.ok()) Ask();
}

}  // namespace nevus::scheduler
