#include "base/clock.h"

#include <chrono>

#include "absl/time/clock.h"

namespace nevus {
namespace {

class RealClock : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

double MonotonicSeconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Clock& Clock::Real() {
  static RealClock* const clock = new RealClock;
  return *clock;
}

absl::Time FakeClock::Now() const {
  MutexLock lock(mutex_);
  return now_;
}

void FakeClock::Advance(absl::Duration step) {
  MutexLock lock(mutex_);
  now_ += step;
}

Stopwatch::Stopwatch() : start_s_(MonotonicSeconds()) {}
double Stopwatch::Seconds() const { return MonotonicSeconds() - start_s_; }

void StopSignal::Stop() {
  MutexLock lock(mutex_);
  stopped_ = true;
  changed_.NotifyAll();
}

bool StopSignal::stopped() const {
  MutexLock lock(mutex_);
  return stopped_;
}

bool StopSignal::WaitFor(absl::Duration timeout) const {
  const Stopwatch watch;
  MutexLock lock(mutex_);
  while (!stopped_) {
    const absl::Duration left = timeout - absl::Seconds(watch.Seconds());
    if (left <= absl::ZeroDuration()) return false;
    changed_.WaitFor(mutex_, left);
  }
  return true;
}

}  // namespace nevus
