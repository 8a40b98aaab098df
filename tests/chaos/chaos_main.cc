// nevus-chaos: kills the processes of a Nevus under load and checks that
// nothing that was acknowledged is lost. docs/testing.md says more.
//
//   bazel run //tests/chaos:nevus-chaos -- --duration 1h
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/strings/match.h"
#include "tests/chaos/kill_round.h"

ABSL_FLAG(int, kills, 100, "Processes to kill in all, at least.");
ABSL_FLAG(absl::Duration, duration, absl::ZeroDuration(),
          "Goes on with further seeds until it has passed, such as 8h.");
ABSL_FLAG(uint64_t, seed, 1,
          "The first round's; the next ones have the numbers after it.");
ABSL_FLAG(int, kills_in_round, nevus::chaos::RunOptions().kills_in_round,
          "After so many kills a round is judged, and the next begins.");
ABSL_FLAG(std::string, data_dir, "",
          "Keeps each round's data and logs in a folder seed-N of it. Without "
          "it they are in a temporary directory and gone at the end.");

namespace {

// The programs to run are looked for below the working directory: the folder of
// run files, where Bazel starts us. Started by hand we go there.
void EnterRunFiles() {
  if (access("services/nevusd/nevusd", X_OK) == 0) return;
  char self[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof(self));
  if (size <= 0) return;
  const std::string folder =
      std::string(self, static_cast<size_t>(size)) + ".runfiles/nevus";
  if (chdir(folder.c_str()) != 0) {
    std::cerr << "nevus-chaos: there is no services/nevusd/nevusd here and no "
              << folder << "; start it with bazel run\n";
    std::exit(2);
  }
}

// A relative path is one of the directory that we were started from.
std::string Absolute(const std::string& path) {
  if (path.empty() || path[0] == '/') return path;
  const char* bazel_run = std::getenv("BUILD_WORKING_DIRECTORY");
  char here[PATH_MAX];
  if (bazel_run != nullptr) return std::string(bazel_run) + "/" + path;
  return getcwd(here, sizeof(here)) == nullptr ? path
                                               : std::string(here) + "/" + path;
}

int Run() {
  nevus::chaos::RunOptions options;
  options.kills = absl::GetFlag(FLAGS_kills);
  options.duration = absl::GetFlag(FLAGS_duration);
  options.seed = absl::GetFlag(FLAGS_seed);
  options.kills_in_round = absl::GetFlag(FLAGS_kills_in_round);
  options.dir = Absolute(absl::GetFlag(FLAGS_data_dir));
  if (options.kills < 1 || options.kills_in_round < 1) {
    std::cerr << "nevus-chaos: --kills and --kills_in_round must be at least "
                 "1\n";
    return 2;
  }
  EnterRunFiles();
  const auto report = nevus::chaos::RunRounds(
      options, [](const std::string& line) { std::cerr << line << "\n"; });
  if (!report.ok()) {
    std::cerr << "nevus-chaos: " << report.status().message() << "\n";
    return 1;
  }
  std::cout << nevus::chaos::ToText(*report);
  if (report->sum.findings.empty()) return 0;
  if (options.dir.empty()) std::cerr << report->sum.logs;
  std::cout << "replay: nevus-chaos --kills 1 --kills_in_round "
            << options.kills_in_round << " --seed "
            << options.seed + static_cast<uint64_t>(report->rounds) - 1 << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage(
      "Kills the processes of a Nevus under load and checks that nothing that "
      "was\nacknowledged is lost.\n\n"
      "  nevus-chaos --kills 100 --seed 1\n"
      "  nevus-chaos --duration 8h --data_dir chaos-data\n\n"
      "Exits with 0 if there were no findings, with 1 if there were or a round "
      "could\nnot be run, with 2 for a wrong flag. A seed that fails is "
      "printed with how to\nreplay it.");
  absl::FlagsUsageConfig usage;
  usage.contains_helpshort_flags = [](absl::string_view file) {
    return absl::StrContains(file, "tests/chaos/");
  };
  usage.contains_help_flags = usage.contains_helpshort_flags;
  absl::SetFlagsUsageConfig(usage);
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    std::cerr << "nevus-chaos: unexpected argument \"" << rest[1]
              << "\"; flags are written --name value. Try --help.\n";
    return 2;
  }
  return Run();
}
