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
#include "absl/time/time.h"
#include "base/clock.h"
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
  // `dir` is where data and logs go and stay; "" takes a temporary directory,
  // which is gone with the cluster. `flags` go to each process.
  static absl::StatusOr<std::unique_ptr<Cluster>> Start(
      Topology topology, const std::string& dir = "",
      const std::vector<std::string>& flags = {});
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
  // Starts one that was killed again over the same data; does not wait for it.
  absl::Status Launch(const std::string& name);
  // Waits until it serves; returns how long that took since it was started.
  // INTERNAL with the logs if it ends before.
  absl::StatusOr<absl::Duration> AwaitServing(const std::string& name);
  // Kills one and starts it again while the others go on: all three of the
  // above.
  absl::StatusOr<absl::Duration> Restart(const std::string& name);
  // Stops one with SIGSTOP: it neither runs nor ends, as a machine that hangs;
  // and lets it go on.
  absl::Status Pause(const std::string& name);
  absl::Status Continue(const std::string& name);
  // One more process, with one worker of this kind; returns when it serves.
  // REQUIRES: kManyProcesses.
  absl::Status AddWorker(const std::string& name, const std::string& kind);
  // Those that ended though nobody here ended them.
  std::vector<std::string> Ended();
  std::vector<std::string> process_names() const;

  // For --server: one address, or one a service.
  const std::string& server() const { return server_; }

  // Runs `nevus ARGUMENTS --server ...`.
  CommandResult Cli(std::vector<std::string> arguments) const;
  // The same with --output json; fails the test unless it exits with 0. Returns
  // what it printed.
  std::string CliJson(std::vector<std::string> arguments) const;

  // A file in the cluster's directory.
  std::string File(const std::string& name) const { return dir_ + "/" + name; }
  // What one process logged so far.
  std::string LogOf(const std::string& name) const;
  // What the processes logged, for a failing test to show.
  std::string Logs() const;

 private:
  struct Member {
    std::string name;
    std::vector<std::string> arguments;
    std::unique_ptr<Process> process;  // null: does not run
    Stopwatch since_start = {};
  };

  Cluster() = default;
  absl::StatusOr<Member*> Find(const std::string& name);
  absl::Status Signal(const std::string& name, int signal);
  Member NewMember(const std::string& name, int port,
                   const std::string& services, const std::string& workers,
                   const std::string& peers) const;
  absl::Status Launch(Member& member) const;
  absl::StatusOr<absl::Duration> AwaitServing(Member& member) const;

  std::unique_ptr<TempDir> temp_dir_;  // if none was given
  std::string dir_;
  std::string server_;
  std::vector<std::string> flags_;
  std::vector<Member> members_;
};

}  // namespace nevus

#endif  // NEVUS_TESTS_HARNESS_CLUSTER_H_
