// `nevus bench`: hands over to the program nevus-bench, which has what the CLI
// must not have (docs/adr/0008).
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"
#include "clients/nevus/commands.h"
#include "clients/nevus/context.h"

namespace nevus {
namespace {

// Becomes nevus-bench; returns only if that fails.
absl::Status Bench(Context& context) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path here = fs::read_symlink("/proc/self/exe", error).parent_path();
  fs::path program = here / "nevus-bench";
  // In the build tree, and there only, it lies elsewhere.
  if (!fs::exists(program, error)) {
    program = here / "../../tests/bench/nevus-bench";
  }
  std::vector<std::string> words = context.line().arguments;
  words.insert(words.begin(), program.string());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execv(program.c_str(), argv.data());
  return WithReason(
      absl::NotFoundError(absl::StrCat(
          "cannot run ", Quoted((here / "nevus-bench").string()), ": ",
          std::strerror(errno),
          "; it belongs beside nevus. Install it, or build it with `bazel "
          "build //tests/bench:nevus-bench`")),
      "BENCH_MISSING");
}

}  // namespace

std::vector<Command> BenchCommands() {
  return {{"bench",
           "NAME [FLAG...]",
           "Measure speed beside a yardstick: extract, train, serve and more",
           "Runs nevus-bench, a program of its own, on a server of its own. "
           "`nevus bench NAME --help` says more.",
           {},
           {"nevus bench extract --count 128"},
           Bench,
           /*passes_flags_on=*/true}};
}

}  // namespace nevus
