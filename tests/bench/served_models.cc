#include "tests/bench/served_models.h"

#include <unistd.h>

#include <fstream>

#include "base/status.h"

namespace nevus {

absl::Status TrainServedModel(BenchNode& node, const ServedModel& model,
                              uint64_t seed) {
  Client& client = node.client();
  v1::ExtractRequest extract;
  extract.set_dataset("bench");
  extract.set_version(1);
  extract.set_backbone(model.backbone);
  extract.set_cut(model.cut);
  extract.set_precision(model.precision);
  RETURN_IF_ERROR(
      node.Finish(client.Call(&v1::FeatureService::Stub::Extract, extract))
          .status());
  v1::TrainRequest train;
  train.set_dataset("bench");
  train.set_version(1);
  train.set_backbone(model.backbone);
  train.set_cut(model.cut);
  train.set_precision(model.precision);
  train.set_model(model.name);
  train.set_positive("melanoma");
  train.set_seed(seed);
  return node.Finish(client.Call(&v1::TrainingService::Stub::Train, train))
      .status();
}

absl::Status Promote(Client& client, const std::string& model,
                     int64_t version) {
  v1::PrepareModelRequest prepare;
  prepare.set_model(model);
  prepare.set_version(version);
  RETURN_IF_ERROR(
      client.Call(&v1::PredictionService::Stub::PrepareModel, prepare)
          .status());
  v1::PromoteModelRequest promote;
  promote.set_model(model);
  promote.set_version(version);
  promote.set_alias("live");
  return client.Call(&v1::ModelService::Stub::PromoteModel, promote).status();
}

double ResidentMib() {
  std::ifstream file("/proc/self/statm");
  int64_t size = 0, resident = 0;
  file >> size >> resident;
  return static_cast<double>(resident * sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace nevus
