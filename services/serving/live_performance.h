// How a model does on what it was asked: logged predictions and outcomes to
// figures. ... -> prediction -> outcome -> [figures]. Pure; knows no store.
#ifndef NEVUS_SERVICES_SERVING_LIVE_PERFORMANCE_H_
#define NEVUS_SERVICES_SERVING_LIVE_PERFORMANCE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "compute/evaluation/drift.h"
#include "compute/evaluation/metrics.h"
#include "protos/nevus/v1/prediction_log.pb.h"

namespace nevus {

// True if the outcome is the label that the prediction's model finds. REQUIRES:
// there is one.
bool TurnedOutPositive(const v1::LoggedPrediction& prediction);

// Takes predictions of one model version in order of time. Thread-compatible.
class LiveFigures {
 public:
  void Add(const v1::LoggedPrediction& prediction);

  // The figures of what was added. An image with an outcome counts once, by its
  // newest prediction.
  v1::LivePerformance Result(const DriftBaseline& baseline) const;

 private:
  struct Case {
    Scored scored;
    bool called_positive = false;
  };

  int64_t abstained_ = 0;
  std::vector<double> scores_;
  std::vector<std::string> bins_;
  std::map<std::string, Case> cases_;  // by image
};

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_LIVE_PERFORMANCE_H_
