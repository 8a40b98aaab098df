// What this process has in memory now.
#ifndef NEVUS_TESTS_BENCH_RESIDENT_MEMORY_H_
#define NEVUS_TESTS_BENCH_RESIDENT_MEMORY_H_

#include <unistd.h>

#include <fstream>

namespace nevus {

// Linux's /proc/self/statm: pages, the second number those in memory.
inline double ResidentMegabytes() {
  std::ifstream file("/proc/self/statm");
  double all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_RESIDENT_MEMORY_H_
