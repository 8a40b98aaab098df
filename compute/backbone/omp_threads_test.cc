#include "compute/backbone/omp_threads.h"

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

cpu_set_t Cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  sched_getaffinity(0, sizeof(cores), &cores);
  return cores;
}

struct Member {
  pid_t thread = 0;
  cpu_set_t cores;
};

// The two threads of a team that begins now, the calling one first.
std::vector<Member> TeamOfTwo() {
  std::vector<Member> team(2);
#pragma omp parallel num_threads(2)
  team[omp_get_thread_num()] = {gettid(), Cores()};
  return team;
}

bool IsThere(pid_t thread) {
  return std::filesystem::exists("/proc/self/task/" + std::to_string(thread));
}

class OmpThreadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
#if !defined(_OPENMP)
    GTEST_SKIP() << "skipped: compiled without OpenMP (.bazelrc)";
#endif
  }
};

TEST(ForEachOnOmpTest, EachOnceOnThreadsThatStay) {
  const ScopedOmpHelpers helpers;
  std::set<pid_t> seen;
  Mutex mutex;
  for (int round = 0; round < 100; ++round) {
    for (const int n : {0, 1, 2, 7}) {
      std::vector<std::atomic<int>> calls(n);
      ForEachOnOmp(n, /*threads=*/2, [&](int i) {
        ++calls[i];
        const MutexLock lock(mutex);
        seen.insert(gettid());
      });
      for (const std::atomic<int>& count : calls) EXPECT_EQ(count, 1);
    }
  }
  EXPECT_LE(seen.size(), 2u);
}

TEST_F(OmpThreadsTest, TwoCallsRunAtOnce) {
  const ScopedOmpHelpers helpers;
  std::atomic<int> begun{0};
  // Ends by the test's time limit if one waits for the other to end.
  ForEachOnOmp(2, /*threads=*/2, [&](int) {
    ++begun;
    while (begun < 2) std::this_thread::yield();
  });
}

TEST(ForEachOnOmpTest, WhatACallThrowsComesAfterTheOthers) {
  const ScopedOmpHelpers helpers;
  for (const int threads : {1, 2}) {
    std::atomic<int> calls{0};
    EXPECT_THROW(ForEachOnOmp(5, threads,
                              [&](int i) {
                                ++calls;
                                if (i == 1) throw std::bad_alloc();
                              }),
                 std::bad_alloc);
    EXPECT_EQ(calls, 5);
  }
}

TEST_F(OmpThreadsTest, TwoThreadsOnTwoCoresKeepToOneEachWithinTheScope) {
  const ScopedOmpHelpers helpers;
  const cpu_set_t all = Cores();
  for (int threads = 1; threads <= 3; ++threads) {
    {
      const ScopedOmpPins pins(threads);
      const std::vector<Member> team = TeamOfTwo();
      if (threads == 2 && CPU_COUNT(&all) == 2) {
        cpu_set_t both;
        CPU_OR(&both, &team[0].cores, &team[1].cores);
        EXPECT_EQ(CPU_COUNT(&team[0].cores), 1);
        EXPECT_EQ(CPU_COUNT(&team[1].cores), 1);
        EXPECT_TRUE(CPU_EQUAL(&both, &all));
      } else {
        EXPECT_TRUE(CPU_EQUAL(&team[0].cores, &all)) << threads << " threads";
      }
    }
    // What is started now goes where it likes.
    cpu_set_t cores;
    std::thread([&] { cores = Cores(); }).join();
    EXPECT_TRUE(CPU_EQUAL(&cores, &all)) << threads << " threads";
  }
}

TEST_F(OmpThreadsTest, HelpersEndWithTheirScope) {
  pid_t helper = 0;
  {
    const ScopedOmpHelpers helpers;
    helper = TeamOfTwo()[1].thread;
    EXPECT_TRUE(IsThere(helper));
  }
  // The kernel may list it for a moment longer; the test's time limit is the
  // only one.
  while (IsThere(helper)) std::this_thread::yield();
  // And another comes when there is work.
  const ScopedOmpHelpers helpers;
  EXPECT_TRUE(IsThere(TeamOfTwo()[1].thread));
}

}  // namespace
}  // namespace nevus
