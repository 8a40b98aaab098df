// A whole server for a bench: a real node on a temporary directory, listening
// on loopback, and the real client library connected to it over TCP.
#ifndef NEVUS_TESTS_BENCH_BENCH_NODE_H_
#define NEVUS_TESTS_BENCH_BENCH_NODE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/temp_dir.h"
#include "clients/cpp/client.h"
#include "clients/cpp/upload.h"
#include "services/nevusd/node.h"

namespace nevus {

// A backbone of an architecture, and where its weights come from.
struct WeightsChoice {
  std::optional<uint64_t> seed;
  std::string path;  // if there is no seed
  std::string arch = "vgg16";
  std::string preprocessing;  // "": what architecture and kind of file imply
};

using MachineFacts = std::vector<std::pair<std::string, std::string>>;

// "random:SEED" or a file's path; a USAGE error for a seed that is no number.
absl::StatusOr<WeightsChoice> ParseWeights(const std::string& text);

// While it lives, the log of this process, the node's, goes to a file as an
// operator's would. Thread-compatible.
class LogToFile {
 public:
  explicit LogToFile(const std::string& path);
  ~LogToFile();
  LogToFile(const LogToFile&) = delete;
  LogToFile& operator=(const LogToFile&) = delete;

 private:
  const int terminal_;
};

// Thread-compatible.
class BenchNode {
 public:
  // `threads` as NodeOptions::compute_threads, `serving_bytes` as that.
  static absl::StatusOr<std::unique_ptr<BenchNode>> Start(
      int threads, int64_t serving_bytes = NodeOptions().serving_bytes);
  // The same with that many extraction workers.
  static absl::StatusOr<std::unique_ptr<BenchNode>> StartWorkers(int workers,
                                                                 int threads);
  // Hosts one service, without workers.
  static absl::StatusOr<std::unique_ptr<BenchNode>> StartAlone(
      const std::string& service);

  // Ends it and starts it again on the same directory; returns the seconds of
  // the start alone.
  absl::StatusOr<double> Restart();
  std::string address() const;
  // As the node's own services and workers see the services.
  const Peers& peers() const { return node_->peers(); }

  Client& client() { return *client_; }

  // Imports all of `files`, which must be new, and seals them as version 1.
  absl::Status ImportAndSeal(const std::string& dataset,
                             const std::vector<ExampleFile>& files);
  absl::Status ImportNetwork(const WeightsChoice& weights, int input_size,
                             const std::string& name = "network");
  // Waits for a job that was submitted; its error if it did not succeed.
  absl::StatusOr<v1::Job> Finish(const absl::StatusOr<v1::Job>& job);

  // The machine as the node sees it, for Report::facts.
  absl::StatusOr<MachineFacts> Facts();

 private:
  BenchNode() = default;
  absl::Status StartNode();

  NodeOptions options_;
  TempDir dir_;  // first: outlives the node
  std::unique_ptr<Node> node_;
  std::unique_ptr<Client> client_;
};

// The same for a bench that hosts no node, or one whose threads are not those
// that were measured.
absl::StatusOr<MachineFacts> FactsOfThisMachine(int threads);

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_BENCH_NODE_H_
