// A running Nevus for a test: real nevusd processes on free ports of loopback,
// with their data in a temporary directory, and the real CLI beside them.
#ifndef NEVUS_TESTS_HARNESS_CLUSTER_H_
#define NEVUS_TESTS_HARNESS_CLUSTER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/temp_dir.h"
#include "tests/harness/process.h"

namespace nevus {

enum class Topology {
  kOneProcess,     // every service and worker in one nevusd
  kManyProcesses,  // every service and every worker in a nevusd of its own
};

// What NEVUS_TOPOLOGY says: "many" or, by default, "one". The same tests run as
// two Bazel targets.
Topology TopologyFromEnvironment();

// Thread-compatible.
class Cluster {
 public:
  static absl::StatusOr<std::unique_ptr<Cluster>> Start(Topology topology);
  // Kills what still runs.
  ~Cluster() = default;

  // SIGTERM to all, workers first. INTERNAL naming the process if one does not
  // exit with 0.
  absl::Status Stop();
  // Starts all processes again over the same data.
  absl::Status StartProcesses();
  // kill -9 to one: "scheduler", "worker-extraction" ... ("all" in one
  // process).
  absl::Status Kill(const std::string& name);
  std::vector<std::string> process_names() const;

  // For --server: one address, or one a service.
  const std::string& server() const { return server_; }

  // Runs `nevus ARGUMENTS --server ...`.
  CommandResult Cli(std::vector<std::string> arguments) const;
  // The same with --output json; fails the test unless it exits with 0. Returns
  // what it printed.
  std::string CliJson(std::vector<std::string> arguments) const;

  // A file in the cluster's temporary directory.
  std::string File(const std::string& name) const { return dir_.File(name); }
  // What the processes logged, for a failing test to show.
  std::string Logs() const;

 private:
  struct Member {
    std::string name;
    std::vector<std::string> arguments;
    std::unique_ptr<Process> process;
  };

  Cluster() = default;
  absl::Status AwaitServing(Member& member) const;

  TempDir dir_;
  std::string server_;
  std::vector<Member> members_;
};

}  // namespace nevus

#endif  // NEVUS_TESTS_HARNESS_CLUSTER_H_
