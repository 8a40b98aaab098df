// From what a model made of an image to what is answered: probability,
// decision, or abstention with its reason. Pure.
#ifndef NEVUS_SERVICES_SERVING_DECISION_H_
#define NEVUS_SERVICES_SERVING_DECISION_H_

#include <string>

#include "compute/classifier/classifier.h"
#include "compute/image/quality.h"
#include "protos/nevus/v1/model.pb.h"
#include "protos/nevus/v1/prediction.pb.h"

namespace nevus {

// The reason to abstain that is the model's and not the image's.
inline constexpr char kOutOfDistribution[] = "OUT_OF_DISTRIBUTION";

// The model's operating point of that name, or its first: a candidate need not
// have the point that a caller of another model asked for. REQUIRES: it has
// one.
const v1::OperatingPoint& PointOrFirst(const v1::Model& model,
                                       const std::string& name);

// Fills probability, positive, decision, operating_point, threshold, and the
// fields of abstention and quality of `response`. `point` is one of `model`'s;
// `classifier` is that of `model`, which may be without its head.
void Decide(const Classifier& classifier, const Judgement& judgement,
            const ImageQuality& quality, const v1::Model& model,
            const v1::OperatingPoint& point, v1::PredictResponse& response);

}  // namespace nevus

#endif  // NEVUS_SERVICES_SERVING_DECISION_H_
