// What a job must do, said a second time and in another way: no states, but a
// log of facts, and questions that read it from its end. Slow and plain; the
// oracle of random_model_test.
#ifndef NEVUS_SERVICES_SCHEDULER_CORE_JOB_MODEL_H_
#define NEVUS_SERVICES_SCHEDULER_CORE_JOB_MODEL_H_

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "services/scheduler/core/job_machine.h"

namespace nevus::scheduler {

class JobModel {
 public:
  // Of a new job.
  JobModel(const Job& job, const Policy& policy);

  // What must be answered: "" if the event is accepted, else the reason of the
  // refusal. `accepted` is what was answered; only how long a back-off is drawn
  // out within its fifth is taken from it.
  std::string Hear(const Event& event, absl::Time now, bool accepted);

  // How `job` differs from what it must be by now; "" if it does not.
  std::string Difference(const Job& job) const;

  bool Holds(int task, const std::string& worker, int64_t token) const;

 private:
  enum class What {
    kLeased,
    kBeat,  // or the lease began anew
    kDone,
    kFailed,
    kBroke,
    kDiskFull,
    kTakenBack,
    kLeapt,
    kRetried,  // from here on of the job
    kCancelled,
    kTimeUp,
    kDependencyFailed
  };
  struct Fact {
    What what;
    int task = -1;
    absl::Time at;
    std::string worker;
    int64_t token = 0;
    Failure failure;
    bool waits_before_next = false;
  };

  void Note(What what, int task, absl::Time now);
  void NoteFailure(int task, const Failure& failure, bool waits, int workers,
                   absl::Time now);

  // The newest fact that decides where the task stands, or null.
  const Fact* Newest(int task) const;
  const Fact* NewestLease(int task) const;
  bool IsDone(int task) const;
  bool IsLeased(int task) const;
  bool HasEnded() const { return !EndedAs().empty(); }
  bool IsPaused() const;
  bool MustWaitForStage(int task) const;
  bool IsRepeated(const Finish& finish) const;
  std::string EndedAs() const;
  std::string JobStands() const;
  std::string TaskStands(int task) const;
  int64_t Token(int task) const;
  int Attempts(int task) const;
  std::set<std::string> FailedAlike(int task) const;
  absl::Time LeaseEnds(int task) const;
  absl::Time Begun() const;
  // The earliest and the latest time from which the task may be leased.
  std::pair<absl::Time, absl::Time> MayBeLeased(int task) const;

  std::string HearLease(const Lease& lease, absl::Time now, bool accepted);
  std::string HearFinish(const Finish& finish, absl::Time now);
  void HearTick(absl::Time now);
  void HearDependency(const DependencyEnded& ended, absl::Time now);

  Policy policy_;
  std::vector<int> stages_;
  absl::Duration time_limit_;
  absl::Duration attempt_time_limit_;
  std::set<std::string> waits_;
  std::vector<Fact> log_;
};

}  // namespace nevus::scheduler

#endif  // NEVUS_SERVICES_SCHEDULER_CORE_JOB_MODEL_H_
