// A job that is watched, on stderr: a block of lines redrawn in place on a
// terminal, plain lines elsewhere. What the lines say is job_view.h's.
#ifndef NEVUS_CLIENTS_NEVUS_JOB_DISPLAY_H_
#define NEVUS_CLIENTS_NEVUS_JOB_DISPLAY_H_

#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "clients/nevus/context.h"
#include "clients/nevus/job_view.h"

namespace nevus {

// What a terminal must get to show `lines` in the place of `previous` lines,
// when the cursor stands below them; then it stands below the new ones.
std::string Redraw(size_t previous, const std::vector<std::string>& lines);

// Thread-compatible. Borrows the terminal, which must outlive it; writes to it
// from a thread of its own while it lives.
class JobDisplay {
 public:
  explicit JobDisplay(const Terminal& terminal);
  // Leaves the newest state standing.
  ~JobDisplay();

  void Take(const v1::WatchJobResponse& news);

 private:
  void Draw();

  const Terminal& terminal_;
  const Clock& clock_ = Clock::Real();
  JobNarrator narrator_;  // where there is no terminal
  Mutex mutex_;
  JobView view_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> drawn_;  // by one thread at a time: see Draw
  StopSignal stop_;
  std::thread drawer_;
};

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_JOB_DISPLAY_H_
