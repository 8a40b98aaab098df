// One thread of the load: steps that each ask for something, insist, and write
// down what was promised. What kill_load.cc's threads are made of.
#ifndef NEVUS_TESTS_CHAOS_KILL_USER_H_
#define NEVUS_TESTS_CHAOS_KILL_USER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "clients/cpp/client.h"
#include "tests/chaos/kill_calls.h"
#include "tests/chaos/kill_ledger.h"

namespace nevus::chaos {

// The name of the backbone that every user extracts with.
constexpr char kBackbone[] = "vgg16";

// A job that was acknowledged.
struct Submitted {
  std::string request_id;
  std::string id;
};

// Thread-compatible. Works on a dataset and a model of its own, so that it
// alone decides in what order things happen to them. A step that returns
// nothing was given up after a server went away, or was answered with an error,
// which is then a finding in the ledger.
class User {
 public:
  User(Client& client, Ledger& ledger, const Patience& patience,
       const std::string& name, uint64_t seed);

  // True once in `n`.
  bool OneIn(int n) { return Below(n) == 0; }
  int Below(int n);

  // Imports `count` new images. True if each was acknowledged.
  bool Import(int count, bool may_give_up);
  std::optional<v1::DatasetVersion> Seal();
  std::optional<Submitted> Extract(const v1::DatasetVersion& version,
                                   const std::string& cut);
  std::optional<Submitted> Train(const v1::DatasetVersion& version,
                                 const std::string& cut);
  std::optional<Submitted> Evaluate(int64_t model_version,
                                    const v1::DatasetVersion& version);
  // Extracts, trains and evaluates as one; the training is a sweep. The last of
  // its three jobs.
  std::optional<Submitted> RunPipeline(const v1::DatasetVersion& version,
                                       const std::string& cut);
  void Promote(int64_t model_version);
  void Cancel(const Submitted& job);
  // The job once it has ended.
  std::optional<v1::Job> Await(const Submitted& job);

  // Sends some of the requests for jobs that were acknowledged once more, which
  // must be answered with the same jobs.
  void AskAgain();

 private:
  std::string NextRequestId();
  v1::TrainRequest TrainingOn(const v1::DatasetVersion& version,
                              const std::string& cut) const;
  // 0, or a few: how often a step is tried before it is given up.
  int Tries();
  template <typename Stub, typename Request>
  std::optional<Submitted> Submit(
      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                   v1::Job*),
      const Request& request, v1::WorkerKind kind,
      const v1::DatasetVersion& version);
  // Writes down any error but that a server was away, when it may be given up.
  void Failed(const std::string& what, const absl::Status& status, int tries);

  Client& client_;
  Ledger& ledger_;
  const Patience& patience_;
  const std::string name_;
  const uint64_t seed_;
  std::mt19937_64 random_;
  int images_ = 0;
  int requests_ = 0;
  std::vector<std::function<void()>> again_;
};

}  // namespace nevus::chaos

#endif  // NEVUS_TESTS_CHAOS_KILL_USER_H_
