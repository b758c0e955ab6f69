import Testing

@testable import HoldfastCore

/// Error answers as providers send them, cut down to the fields that are read.
struct FailureFixture: Sendable, CustomTestStringConvertible {
    var provider: String
    var signal: FailureSignal
    var expected: FailureClass
    /// Where somebody quotes it.
    var seen: String

    init(
        _ provider: String, _ status: Int, _ code: String?, _ type: String?, _ message: String?,
        _ expected: FailureClass, seen: String = ""
    ) {
        self.provider = provider
        self.seen = seen
        signal = FailureSignal(status: status, code: code, type: type, message: message)
        self.expected = expected
    }

    var testDescription: String {
        "\(provider) \(signal.status) \(signal.code ?? signal.type ?? "") \(signal.message?.prefix(40) ?? "") \(seen)"
    }

    static let all = openAI + azure + anthropic + gemini + mistral + openRouter + local + others + seenInTheWild

    private static let openAI: [FailureFixture] = [
        .init(
            "openai", 401, "invalid_api_key", "invalid_request_error",
            "Incorrect API key provided: sk-abc. You can find your API key at https://platform.openai.com.",
            .credential),
        .init("openai", 401, nil, "invalid_request_error", "You must be a member of an organization.", .credential),
        .init(
            "openai", 403, "unsupported_country_region_territory", "request_forbidden",
            "Country, region, or territory not supported", .restricted),
        .init(
            "openai", 403, "model_not_found", "invalid_request_error",
            "Project `proj_a` does not have access to model `gpt-4.1`", .modelAccess),
        .init(
            "openai", 404, "model_not_found", "invalid_request_error",
            "The model `gpt-9` does not exist or you do not have access to it.", .modelAccess),
        .init(
            "openai", 404, "model_not_found", "invalid_request_error",
            "The model `gpt-4-32k` has been deprecated, learn more here: https://platform.openai.com/docs",
            .modelGone),
        .init(
            "openai", 429, "insufficient_quota", "insufficient_quota",
            "You exceeded your current quota, please check your plan and billing details.", .quota),
        .init(
            "openai", 429, "billing_hard_limit_reached", "invalid_request_error",
            "Billing hard limit has been reached", .quota),
        .init(
            "openai", 429, "rate_limit_exceeded", "tokens",
            "Rate limit reached for gpt-4.1 on tokens per min (TPM): Limit 30000. Please try again in 6ms.",
            .rateLimit),
        .init(
            "openai", 400, "context_length_exceeded", "invalid_request_error",
            "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.",
            .tooLong),
        .init(
            "openai", 400, "content_policy_violation", "invalid_request_error", "Your request was rejected.", .policy),
        .init(
            "openai", 400, "invalid_prompt", "invalid_request_error",
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy.", .policy),
        .init(
            "openai", 400, "invalid_value", "invalid_request_error",
            "Invalid value: 'wizard'. Supported values are: 'system', 'assistant' and 'user'.", .callerFault),
        .init(
            "openai", 400, "unsupported_parameter", "invalid_request_error",
            "Unsupported parameter: 'max_tokens' is not supported with this model.", .callerFault),
        .init(
            "openai", 400, nil, "invalid_request_error", "The parameter functions has been deprecated.", .callerFault),
        .init("openai", 409, nil, "invalid_request_error", "Conflict", .callerFault),
        .init("openai", 500, nil, "server_error", "The server had an error while processing your request.", .transient),
        .init("openai", 500, "insufficient_quota", nil, "invalid_api_key credit balance", .transient),
        .init("openai", 503, nil, "server_error", "The engine is currently overloaded, please try later", .capacity),
        .init("openai", 503, nil, nil, "Slow down", .transient),
        .init("openai", 200, nil, "server_error", "The server had an error", .transient),
        .init("openai", 200, "rate_limit_exceeded", nil, "Rate limit reached", .rateLimit),
    ]

    private static let azure: [FailureFixture] = [
        .init(
            "azure", 401, "401", nil, "Access denied due to invalid subscription key or wrong API endpoint.",
            .credential),
        .init(
            "azure", 404, "DeploymentNotFound", nil, "The API deployment for this resource does not exist.",
            .modelAccess),
        .init(
            "azure", 429, "429", nil,
            "Requests have exceeded token rate limit of your current pricing tier. Please retry after 7 seconds.",
            .rateLimit),
        .init(
            "azure", 400, "content_filter", nil,
            "The response was filtered due to the prompt triggering content management policy.", .policy),
        .init("azure", 400, "ResponsibleAIPolicyViolation", nil, nil, .policy),
        .init("azure", 408, "Timeout", nil, "The operation was timeout.", .transient),
        .init("azure", 410, "ModelDeprecated", nil, "The model is gone", .modelGone),
        .init("azure", 424, nil, nil, nil, .callerFault),
    ]

    private static let anthropic: [FailureFixture] = [
        .init("anthropic", 401, nil, "authentication_error", "invalid x-api-key", .credential),
        .init(
            "anthropic", 400, nil, "invalid_request_error",
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.", .quota),
        .init(
            "anthropic", 400, nil, "invalid_request_error",
            "You have reached your specified API usage limits. You will regain access on 2025-12-01.", .quota),
        .init("anthropic", 402, nil, "billing_error", "Payment required", .quota),
        .init("anthropic", 400, nil, "invalid_request_error", "This organization has been disabled.", .account),
        .init("anthropic", 403, nil, "permission_error", "Your API key may not use this resource.", .credential),
        .init("anthropic", 404, nil, "not_found_error", "model: claude-2.0", .modelAccess),
        .init(
            "anthropic", 400, nil, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum",
            .tooLong),
        .init(
            "anthropic", 400, nil, "invalid_request_error",
            "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000", .tooLong),
        .init("anthropic", 413, nil, "request_too_large", "Request exceeds the maximum size", .callerFault),
        .init("anthropic", 429, nil, "rate_limit_error", "This request would exceed your rate limit", .rateLimit),
        .init("anthropic", 500, nil, "api_error", "Internal server error", .transient),
        .init("anthropic", 504, nil, "timeout_error", nil, .transient),
        .init("anthropic", 529, nil, "overloaded_error", "Overloaded", .capacity),
        .init("anthropic", 200, nil, "overloaded_error", "Overloaded", .capacity),
        .init("anthropic", 200, nil, "api_error", "Internal server error", .transient),
        .init(
            "anthropic", 400, nil, "invalid_request_error",
            "messages.1: this model does not support assistant message prefill", .callerFault),
    ]

    private static let gemini: [FailureFixture] = [
        .init(
            "gemini", 400, "400", "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", .credential),
        .init(
            "gemini", 400, "400", "INVALID_ARGUMENT", "API key expired. Please renew the API key.", .credential),
        .init(
            "gemini", 400, "400", "FAILED_PRECONDITION", "User location is not supported for the API use.",
            .restricted),
        .init("gemini", 401, "401", "UNAUTHENTICATED", "Request had invalid authentication.", .credential),
        .init("gemini", 403, "403", "PERMISSION_DENIED", "Your API key was reported as leaked.", .credential),
        .init(
            "gemini", 404, "404", "NOT_FOUND", "models/gemini-0 is not found for API version v1beta", .modelAccess),
        .init(
            "gemini", 429, "429", "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details. Please retry in 24.8s.",
            .rateLimit),
        .init("gemini", 429, "429", "RESOURCE_EXHAUSTED", "Resource has been exhausted.", .rateLimit),
        .init(
            "gemini", 429, "429", "RESOURCE_EXHAUSTED", "Your project has exceeded its monthly spending cap.", .quota),
        .init(
            "gemini", 400, "400", "INVALID_ARGUMENT",
            "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).", .tooLong),
        .init("gemini", 503, "503", "UNAVAILABLE", "The model is overloaded. Please try again later.", .capacity),
        .init("gemini", 500, "500", "INTERNAL", "An internal error has occurred.", .transient),
    ]

    private static let mistral: [FailureFixture] = [
        .init("mistral", 401, nil, nil, "Unauthorized", .credential),
        .init("mistral", 400, "1500", "invalid_model", "Invalid model: foo", .modelAccess),
        .init("mistral", 404, nil, "unknown_model", nil, .modelAccess),
        .init("mistral", 429, "1300", nil, "Requests rate limit exceeded", .rateLimit),
        .init("mistral", 422, nil, nil, "Input should be a valid list", .callerFault),
        .init(
            "mistral", 400, "3051", "invalid_request_prompt",
            "Prompt contains 40000 tokens, too large for model with 32768 maximum context length", .tooLong),
    ]

    private static let openRouter: [FailureFixture] = [
        .init("openrouter", 402, "402", nil, "Insufficient credits. Add more using https://openrouter.ai", .quota),
        .init("openrouter", 403, "403", nil, "Key limit exceeded (total limit).", .quota),
        .init(
            "openrouter", 403, "403", nil, "openai/o1 requires moderation. Your input was flagged for \"sexual\".",
            .policy),
        .init("openrouter", 400, "400", nil, "foo/bar is not a valid model ID", .modelAccess),
        .init("openrouter", 404, "404", nil, "No endpoints found for foo/bar.", .modelAccess),
        .init("openrouter", 200, "429", nil, "Rate limit exceeded: free-models-per-min.", .rateLimit),
        .init("openrouter", 200, "502", nil, "Provider returned error", .transient),
        .init("openrouter", 200, "401", nil, "No auth credentials found", .credential),
        .init("openrouter", 200, "400", nil, "Provider returned error", .callerFault),
        .init("openrouter", 408, "408", nil, "Your request timed out", .transient),
        .init("openrouter", 503, "503", nil, "No available model provider", .transient),
    ]

    private static let local: [FailureFixture] = [
        .init("vllm", 404, "404", "NotFoundError", "The model `x` does not exist.", .modelAccess),
        .init(
            "vllm", 400, "400", "BadRequestError",
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.", .tooLong),
        .init(
            "vllm", 400, "400", "BadRequestError",
            "[{'type': 'literal_error', 'loc': ('body', 'messages'), 'input': 'credit balance'}]", .callerFault),
        .init("vllm", 401, nil, nil, "Unauthorized", .credential),
        .init("llama.cpp", 503, "503", "unavailable_error", "Loading model", .transient),
        .init("llama.cpp", 401, "401", "authentication_error", "Invalid API Key", .credential),
        .init(
            "llama.cpp", 400, "400", "exceed_context_size_error",
            "the request exceeds the available context size, try increasing it", .tooLong),
        .init("llama.cpp", 501, "501", "not_supported_error", "This server does not support embeddings", .transient),
        .init("llama.cpp", 500, "500", "server_error", "failed to decode", .transient),
        .init("ollama", 404, nil, "not_found_error", "model \"x\" not found, try pulling it first", .modelAccess),
        .init("ollama", 400, nil, "invalid_request_error", "x does not support tools", .callerFault),
        .init("ollama", 500, nil, "api_error", "model requires more system memory than is available", .transient),
    ]

    private static let others: [FailureFixture] = [
        .init("groq", 400, "model_decommissioned", nil, "The model `x` has been decommissioned.", .modelGone),
        .init("groq", 400, "organization_restricted", nil, "Organization has been restricted.", .account),
        .init("groq", 413, "rate_limit_exceeded", "tokens", "Request too large for model", .rateLimit),
        .init("bedrock", 403, "UnrecognizedClientException", nil, "The security token is invalid.", .credential),
        .init("bedrock", 403, "ExpiredTokenException", nil, "The security token is expired", .credential),
        .init(
            "bedrock", 403, "AccessDeniedException", nil,
            "You don't have access to the model with the specified model ID.", .modelAccess),
        .init("bedrock", 400, "ValidationException", nil, "Input is too long for requested model.", .tooLong),
        .init("proxy", 451, nil, nil, nil, .restricted),
        .init("proxy", 301, nil, nil, nil, .misconfigured),
        .init("proxy", 307, "invalid_api_key", nil, nil, .misconfigured),
        .init("proxy", 502, nil, nil, "<html>Bad Gateway</html>", .transient),
        .init("proxy", 522, nil, nil, nil, .transient),
        .init("proxy", 200, nil, nil, nil, .empty),
        .init("proxy", 204, nil, nil, nil, .empty),
        .init("proxy", 200, "418", nil, nil, .callerFault),
        .init("proxy", 200, "200", nil, nil, .empty),
        .init("proxy", 403, nil, nil, nil, .misconfigured),
        .init("proxy", 404, nil, nil, nil, .modelAccess),
    ]
}
