// Time as an argument. absl::Now and sleeping appear in clock.cc only.
#ifndef NEVUS_BASE_CLOCK_H_
#define NEVUS_BASE_CLOCK_H_

#include "absl/time/time.h"
#include "base/mutex.h"

namespace nevus {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;

  // The machine's clock. Lives for ever.
  static Clock& Real();
};

// Stands still until moved. Thread-safe.
class FakeClock : public Clock {
 public:
  explicit FakeClock(absl::Time now) : now_(now) {}
  absl::Time Now() const override;
  void Advance(absl::Duration step);

 private:
  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

// Seconds that went by since construction, by the monotonic clock. For
// progress, benches and waits, never for what is stored.
class Stopwatch {
 public:
  Stopwatch();
  double Seconds() const;

 private:
  double start_s_;
};

// A stop that can be waited for: loops wait in WaitFor instead of sleeping.
// Thread-safe.
class StopSignal {
 public:
  void Stop();
  bool stopped() const;
  // Returns true at once when stopped, false after `timeout`.
  bool WaitFor(absl::Duration timeout) const;

 private:
  mutable Mutex mutex_;
  mutable CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace nevus

#endif  // NEVUS_BASE_CLOCK_H_
