// What scores share: no score, and one score of several references.

#pragma once

#include <algorithm>
#include <limits>
#include <vector>

namespace {

constexpr double UNSCORED = std::numeric_limits<double>::quiet_NaN();

enum ReferenceFlags { MEAN_OF_REFERENCES = 64 };

// The best, or the mean in an order that does not depend on that of the references.
double of_references(std::vector<double>& scores, int flags) {
    if (scores.empty()) return UNSCORED;
    if (!(flags & MEAN_OF_REFERENCES)) return *std::max_element(scores.begin(), scores.end());
    std::sort(scores.begin(), scores.end());
    double sum = 0.0;
    for (const double score : scores) sum += score;
    return sum / double(scores.size());
}

}  // namespace
