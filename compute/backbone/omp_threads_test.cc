#include "compute/backbone/omp_threads.h"

#include <omp.h>
#include <sched.h>

#include <filesystem>
#include <iterator>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace nevus {
namespace {

cpu_set_t Cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  sched_getaffinity(0, sizeof(cores), &cores);
  return cores;
}

int ThreadsOfThisProcess() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<int>(std::distance(begin(tasks), end(tasks)));
}

// Of the two threads of a team that begins now, the cores each may use.
std::vector<cpu_set_t> CoresOfTwo() {
  std::vector<cpu_set_t> cores(2);
#pragma omp parallel num_threads(2)
  cores[omp_get_thread_num()] = Cores();
  return cores;
}

class OmpThreadsTest : public ::testing::Test {
 protected:
  void SetUp() override {
#if !defined(_OPENMP)
    GTEST_SKIP() << "skipped: compiled without OpenMP (.bazelrc)";
#endif
  }
};

// On a thread that ends with its pins.
TEST_F(OmpThreadsTest, TwoThreadsOnTwoCoresKeepToOneEach) {
  std::thread([] {
    const cpu_set_t all = Cores();
    PinTwoOmpThreads(2);
    const std::vector<cpu_set_t> cores = CoresOfTwo();
    if (CPU_COUNT(&all) != 2) {
      EXPECT_TRUE(CPU_EQUAL(&cores[0], &all));
      EXPECT_TRUE(CPU_EQUAL(&cores[1], &all));
      return;
    }
    cpu_set_t both;
    CPU_OR(&both, &cores[0], &cores[1]);
    EXPECT_EQ(CPU_COUNT(&cores[0]), 1);
    EXPECT_EQ(CPU_COUNT(&cores[1]), 1);
    EXPECT_TRUE(CPU_EQUAL(&both, &all));
  }).join();
}

TEST_F(OmpThreadsTest, OtherNumbersOfThreadsGoWhereTheyLike) {
  std::thread([] {
    const cpu_set_t all = Cores();
    for (const int threads : {1, 3, 4}) PinTwoOmpThreads(threads);
    const cpu_set_t after = Cores();
    EXPECT_TRUE(CPU_EQUAL(&after, &all));
  }).join();
}

TEST_F(OmpThreadsTest, HelpersEndWithTheirScope) {
  const int before = ThreadsOfThisProcess();
  {
    const ScopedOmpHelpers helpers;
    EXPECT_EQ(CoresOfTwo().size(), 2u);
    EXPECT_GT(ThreadsOfThisProcess(), before);
  }
  EXPECT_EQ(ThreadsOfThisProcess(), before);
  // And come again when there is work.
  const ScopedOmpHelpers helpers;
  const ScopedOmpThreads two(2);
  int threads = 0;
#pragma omp parallel
#pragma omp single
  threads = omp_get_num_threads();
  EXPECT_EQ(threads, 2);
}

}  // namespace
}  // namespace nevus
