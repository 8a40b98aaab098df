// What a watcher knows of a job, and the lines that show it: snapshots and
// events in, text out. Pure: no clock, no terminal, no server. job_display.h
// puts the lines on a terminal.
#ifndef NEVUS_CLIENTS_NEVUS_JOB_VIEW_H_
#define NEVUS_CLIENTS_NEVUS_JOB_VIEW_H_

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "protos/nevus/v1/job.pb.h"

namespace nevus {

// "[======      ]" of `width` characters between the brackets.
std::string Bar(int64_t done, int64_t total, int width);

// Thread-compatible.
class JobView {
 public:
  // A snapshot takes the place of what was known; an event changes it, unless
  // the snapshot has it already (a watcher gets the past after it).
  void Take(const v1::WatchJobResponse& news);

  const v1::Job& job() const { return job_; }

  // The job on one line; why it waits on another; and each task that runs, or
  // each task if there are no more than `most_tasks`, on one: title, state,
  // bar, progress, rate, time left, metric, attempt. At most `most_tasks` of
  // them and then how many more. No line is longer than `columns`. "" if
  // nothing is known yet.
  std::vector<std::string> Lines(absl::Time now, size_t columns,
                                 size_t most_tasks) const;

 private:
  // How fast a task goes, as its worker's last heartbeat had it.
  struct Pace {
    double rate = 0;
    std::optional<absl::Duration> time_left;
  };

  void TakeEvent(const v1::JobEvent& event);
  std::string HeadLine(absl::Time now) const;
  std::string TaskLine(const v1::Task& task, size_t title_width) const;

  v1::Job job_;
  std::map<int32_t, Pace> pace_;  // of tasks that are leased
};

// The same news as plain lines, for what is no terminal: one an event, and one
// whenever the reason why the job waits is another. Thread-compatible.
class JobNarrator {
 public:
  // Without an end of line; "" if there is nothing to say.
  std::string Tell(const v1::WatchJobResponse& news);

 private:
  v1::Job job_;
  bool told_ = false;
};

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_JOB_VIEW_H_
