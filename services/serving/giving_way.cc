#include "services/serving/giving_way.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>

#include <thread>

#include "base/clock.h"

namespace nevus {
namespace {

constexpr int kNiceness = 10;

// Of the calling thread alone, on Linux.
void BeNice() { setpriority(PRIO_PROCESS, 0, kNiceness); }

bool SetPolicy(pthread_t thread, int policy) {
  const sched_param none = {};
  return pthread_setschedparam(thread, policy, &none) == 0;
}

// Tried on a thread that nobody misses: a refusal leaves it as it is.
bool MayRaise() {
  bool may = false;
  std::thread([&] {
    BeNice();
    may = SetPolicy(pthread_self(), SCHED_IDLE) &&
          SetPolicy(pthread_self(), SCHED_OTHER);
  }).join();
  return may;
}

}  // namespace

void RunGivingWay(absl::Duration patience, const std::function<void()>& work) {
  const bool idle = MayRaise();
  StopSignal lowered, done;
  std::thread worker([&] {
    BeNice();
    if (idle) SetPolicy(pthread_self(), SCHED_IDLE);
    lowered.Stop();
    work();
    done.Stop();
  });
  lowered.WaitFor(absl::Hours(1));  // before it is raised
  if (!done.WaitFor(patience)) {
    SetPolicy(worker.native_handle(), SCHED_OTHER);
  }
  worker.join();
}

}  // namespace nevus
