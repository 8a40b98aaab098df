// What this process has in memory now, and what it had at most.
#ifndef NEVUS_TESTS_BENCH_RESIDENT_MEMORY_H_
#define NEVUS_TESTS_BENCH_RESIDENT_MEMORY_H_

#include <unistd.h>

#include <fstream>
#include <limits>
#include <string>

namespace nevus {

// Linux's /proc/self/statm: pages, the second number those in memory.
inline double ResidentMegabytes() {
  std::ifstream file("/proc/self/statm");
  double all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

// From here on PeakMegabytes is of what comes. Where the kernel does not let a
// process (CONFIG_PROC_PAGE_MONITOR), it stays that of the whole process.
inline void ResetPeak() { std::ofstream("/proc/self/clear_refs") << 5; }

// Linux's VmHWM. 0 if it is not told.
inline double PeakMegabytes() {
  std::ifstream file("/proc/self/status");
  std::string name;
  double kilobytes = 0;
  while (file >> name && name != "VmHWM:") {
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  file >> kilobytes;
  return kilobytes * 1024 / 1e6;
}

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_RESIDENT_MEMORY_H_
