// How fast backbones were when they were last used, from the jobs that used
// them. Pure.
#ifndef NEVUS_CLIENTS_NEVUS_BACKBONE_RATES_H_
#define NEVUS_CLIENTS_NEVUS_BACKBONE_RATES_H_

#include <map>
#include <string>
#include <vector>

#include "protos/nevus/v1/feature.pb.h"
#include "protos/nevus/v1/job.pb.h"

namespace nevus {

// By the backbone's digest: images a second of the newest extraction that
// computed something and came to its end, all its workers together, from its
// first lease on. `jobs`: newest first, as ListJobs gives them.
std::map<std::string, double> RatesByBackbone(
    const std::vector<v1::Job>& jobs,
    const std::vector<v1::FeatureSpace>& spaces);

}  // namespace nevus

#endif  // NEVUS_CLIENTS_NEVUS_BACKBONE_RATES_H_
