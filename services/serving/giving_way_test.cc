#include "services/serving/giving_way.h"

#include <sched.h>
#include <sys/resource.h>

#include <thread>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

// Of the calling thread.
int Niceness() { return getpriority(PRIO_PROCESS, 0); }

bool MayBeIdle() {
  bool may = false;
  std::thread([&] {
    const sched_param none = {};
    may = sched_setscheduler(0, SCHED_IDLE, &none) == 0 &&
          sched_setscheduler(0, SCHED_OTHER, &none) == 0;
  }).join();
  return may;
}

TEST(GivingWayTest, RunsBehindAllOthersAndLeavesTheCallerAsItIs) {
  const int before = Niceness();
  int policy = -1, niceness = -1;
  RunGivingWay(absl::Hours(1), [&] {
    policy = sched_getscheduler(0);
    niceness = Niceness();
  });
  EXPECT_EQ(policy, MayBeIdle() ? SCHED_IDLE : SCHED_OTHER);
  EXPECT_EQ(niceness, 10);
  EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);
  EXPECT_EQ(Niceness(), before);
}

// It ends on a machine without a free core: this one would not end at all.
TEST(GivingWayTest, GetsItsShareWhenPatienceIsOver) {
  RunGivingWay(absl::ZeroDuration(), [] {
    while (sched_getscheduler(0) != SCHED_OTHER) std::this_thread::yield();
    EXPECT_EQ(Niceness(), 10);
  });
}

}  // namespace
}  // namespace nevus
