#include "compute/backbone/cpu.h"

#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

namespace nevus {
namespace {

// Linux asks the processor too, and writes down what it allows.
std::set<std::string> LinuxFlags() {
  std::ifstream file("/proc/cpuinfo");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("flags", 0) != 0) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

TEST(CpuTest, AgreesWithLinux) {
  const std::set<std::string> flags = LinuxFlags();
  if (flags.empty()) GTEST_SKIP() << "skipped: no flags in /proc/cpuinfo";
  std::set<std::string> expected;
  for (const char* name : {"sse4_2", "avx", "fma", "avx2", "avx512f",
                           "avx512dq", "avx512bw", "avx512vl", "avx512_vnni",
                           "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8"}) {
    if (flags.count(name) != 0) expected.insert(name);
  }
  const std::vector<std::string> features = CpuFeatures();
  EXPECT_EQ(std::set<std::string>(features.begin(), features.end()), expected);
}

TEST(CpuTest, Bf16NeedsAvx512) { EXPECT_TRUE(!HasBf16() || HasAvx512()); }

TEST(CpuTest, AmxNeedsAvx512) { EXPECT_TRUE(!HasAmx() || HasAvx512()); }

}  // namespace
}  // namespace nevus
