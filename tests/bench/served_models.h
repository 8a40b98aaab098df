// Models for benches of serving, made the way any other is: extract, train,
// promote; and what such a bench asks of the process.
#ifndef NEVUS_TESTS_BENCH_SERVED_MODELS_H_
#define NEVUS_TESTS_BENCH_SERVED_MODELS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "clients/cpp/client.h"
#include "tests/bench/bench_node.h"

namespace nevus {

struct ServedModel {
  std::string name;
  std::string backbone = "network";
  std::string cut;  // "": the backbone's default
  std::string precision = "auto";
};

// The next version of the model, on dataset "bench", version 1.
absl::Status TrainServedModel(BenchNode& node, const ServedModel& model,
                              uint64_t seed);

// As `nevus model promote --alias live` does: prepares, so loads and checks,
// then moves the alias.
absl::Status Promote(Client& client, const std::string& model, int64_t version);

// Memory of this process, which is the server's and the clients'.
double ResidentMib();

}  // namespace nevus

#endif  // NEVUS_TESTS_BENCH_SERVED_MODELS_H_
