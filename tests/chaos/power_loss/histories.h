// Histories as users make them, a step at a time: what each noun's store is
// told, what it acknowledged, and what must hold of it after a power loss. Each
// is a function of its random numbers.
#ifndef NEVUS_TESTS_CHAOS_POWER_LOSS_HISTORIES_H_
#define NEVUS_TESTS_CHAOS_POWER_LOSS_HISTORIES_H_

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "storage/engine/key_value_store.h"

namespace nevus {

class History {
 public:
  virtual ~History() = default;
  // The directory of the store, as the service names it.
  virtual std::string name() const = 0;
  // Does one thing to the noun's store over `store`. Notes what was
  // acknowledged.
  virtual absl::Status Step(KeyValueStore& store, std::mt19937_64& random) = 0;
  // After the power is back. DATA_LOSS: something acknowledged is not there, or
  // something is there by half, or names what is not.
  virtual absl::Status Check(KeyValueStore& store) = 0;
};

// Imports in batches, splits, seals, deletes versions.
std::unique_ptr<History> NewDatasetHistory();
// Writes features under leases that other leases overtake.
std::unique_ptr<History> NewFeatureHistory();
// Imports and deletes backbones; registers, promotes and rolls back models.
std::unique_ptr<History> NewRegistryHistory();
// Creates and updates jobs.
std::unique_ptr<History> NewJobHistory();

}  // namespace nevus

#endif  // NEVUS_TESTS_CHAOS_POWER_LOSS_HISTORIES_H_
