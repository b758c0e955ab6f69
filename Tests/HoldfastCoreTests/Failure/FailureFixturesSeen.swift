@testable import HoldfastCore

/// Answers that somebody met and quoted, as they were sent but for names and keys: in issue threads for the most part.
/// Where a body is marked "the same shape", it is a seen one with another value.
extension FailureFixture {
    static let seenInTheWild = clouds + vendors + relays + servers

    private static let clouds: [FailureFixture] = [
        .init(
            "vertex", 403, "403", "PERMISSION_DENIED",
            "Permission 'aiplatform.endpoints.predict' denied on resource "
                + "'//aiplatform.googleapis.com/projects/p/locations/us-central1/publishers/google/models/gemini-pro' "
                + "(or it may not exist).",
            .modelAccess, seen: "gemini-php issue 2"),
        .init(
            "vertex", 403, "403", "PERMISSION_DENIED",
            "Vertex AI API has not been used in project 720070608347 before or it is disabled. "
                + "Enable it by visiting "
                + "https://console.developers.google.com/apis/api/aiplatform.googleapis.com then retry.",
            .account, seen: "vertex-ai-samples issue 476"),
        .init(
            "vertex", 403, "7", "PERMISSION_DENIED",
            "This API method requires billing to be enabled. Please enable billing on project "
                + "#1051023892108 by visiting https://console.developers.google.com/billing/enable then "
                + "retry.",
            .quota, seen: "php-docs-samples issue 1235"),
        .init(
            "vertex", 404, "404", "NOT_FOUND",
            "Publisher Model `projects/p/locations/global/publishers/google/models/gemma4` was not "
                + "found or your project does not have access to it. Please ensure you are using a valid "
                + "model version.",
            .modelAccess, seen: "truefoundry/models pull 961"),
        .init(
            "vertex", 429, "429", "RESOURCE_EXHAUSTED",
            "Resource exhausted. Please try again later. Please refer to "
                + "https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details.",
            .rateLimit, seen: "gemini-cli issue 14811"),
        .init(
            "vertex", 429, "429", "RESOURCE_EXHAUSTED",
            "Quota exceeded for "
                + "aiplatform.googleapis.com/embed_content_input_tokens_per_minute_per_base_model with "
                + "base model: gemini-embedding. Please submit a quota increase request.",
            .rateLimit, seen: "cocoindex issue 1151"),
        .init(
            "vertex", 429, "429", "RESOURCE_EXHAUSTED",
            "Unable to submit request because the service is temporarily out of capacity. Try again "
                + "later.",
            .rateLimit, seen: "google-cloud-java issue 11195"),
        .init(
            "vertex", 400, "400", "INVALID_ARGUMENT",
            "Unable to submit request because the input token count is 1251952 but model only "
                + "supports up to 1048576. Reduce the input token count and try again.",
            .tooLong, seen: "gemini-cli issue 19727"),
        .init(
            "vertex", 400, "400", "INVALID_ARGUMENT",
            "The input token count exceeds the maximum number of tokens allowed 1048576.",
            .tooLong, seen: "warp issue 15662"),
        .init(
            "bedrock", 403, nil, nil,
            "You don't have access to the model with the specified model ID.",
            .modelAccess, seen: "dify issue 2829"),
        .init(
            "bedrock", 403, nil, nil,
            "User: arn:aws:sts::1111111111:assumed-role/user_role is not authorized to perform: "
                + "bedrock:InvokeModelWithResponseStream on resource: arn:aws:bedrock:::foundation-model/m "
                + "with an explicit deny in a service control policy",
            .modelAccess, seen: "amazon-bedrock-copilot-chat issue 396"),
        .init(
            "bedrock", 403, nil, nil,
            "Model access is denied due to IAM user or service role is not authorized to perform the "
                + "required AWS Marketplace actions (aws-marketplace:ViewSubscriptions, "
                + "aws-marketplace:Subscribe) to enable access to this model.",
            .modelAccess, seen: "modernisation-platform-environments pull 18323"),
        .init(
            "bedrock", 403, nil, nil,
            "The request signature we calculated does not match the signature you provided. Check "
                + "your AWS Secret Access Key and signing method.",
            .credential, seen: "goose issue 699"),
        .init(
            "bedrock", 403, nil, nil,
            "Authentication failed: Please make sure your API Key is valid.",
            .credential, seen: "open-science issue 53"),
        .init(
            "bedrock", 400, nil, nil,
            "Access to Anthropic models is not allowed from unsupported countries, regions, or "
                + "territories. Please refer to https://www.anthropic.com/supported-countries for more "
                + "information.",
            .restricted, seen: "generative-bi-using-rag issue 361"),
        .init(
            "bedrock", 400, nil, nil,
            "Invocation of model ID anthropic.claude-3-5-sonnet-20241022-v2:0 with on-demand "
                + "throughput isn’t supported. Retry your request with the ID or ARN of an inference "
                + "profile that contains this model.",
            .modelAccess, seen: "aioboto3 issue 352"),
        .init(
            "bedrock", 400, nil, nil,
            "The provided model identifier is invalid.",
            .modelAccess, seen: "Roo-Code issue 9182"),
        .init(
            "bedrock", 404, nil, nil,
            "Could not resolve the foundation model from the provided model identifier.",
            .modelAccess, seen: "trulens issue 779"),
        .init(
            "bedrock", 404, nil, nil,
            "Access denied. This Model is marked by provider as Legacy and you have not been "
                + "actively using the model in the last 15 days. Please upgrade to an active model on "
                + "Amazon Bedrock",
            .modelGone, seen: "amazon-bedrock-workshop issue 386"),
        .init(
            "bedrock", 404, "ResourceNotFoundException", nil,
            "This model version has reached the end of its life.",
            .modelGone, seen: "a runbook on GitHub"),
        .init(
            "bedrock", 400, nil, nil,
            "The maximum tokens you requested exceeds the model limit of 32768",
            .callerFault, seen: "crush issue 946"),
        .init(
            "bedrock", 400, nil, nil,
            "Malformed input request: #: subject must not be valid against schema "
                + "{\"required\":[\"messages\"]}#: required key [max_tokens] not found, please reformat "
                + "your input and try again.",
            .callerFault, seen: "code-gpt-docs issue 300"),
        .init(
            "bedrock", 429, "ThrottlingException", nil,
            "Too many tokens, please wait before trying again.",
            .rateLimit, seen: "AWS documentation"),
        .init(
            "bedrock", 400, "ServiceQuotaExceededException", nil,
            "Your request exceeds the service quota for your account.",
            .rateLimit, seen: "AWS documentation"),
        .init(
            "bedrock", 424, "ModelErrorException", nil,
            "The request failed due to an error while processing the model.",
            .transient, seen: "AWS documentation"),
        .init(
            "bedrock", 408, "ModelTimeoutException", nil,
            "The request took too long to process. Processing time exceeded the model timeout "
                + "length.",
            .transient, seen: "AWS documentation"),
        .init(
            "azure", 403, "403", nil,
            "Access denied due to Virtual Network/Firewall rules.",
            .misconfigured, seen: "azure-sql-db-chatbot issue 3"),
        .init(
            "azure", 403, "403", nil,
            "A Virtual Network is configured for this resource. Please use the correct endpoint for "
                + "making requests. Check https://aka.ms/cogsvc-vnet for more details.",
            .misconfigured, seen: "continue issue 12547"),
        .init(
            "azure", 403, "403", nil,
            "Public access is disabled. Please configure private endpoint.",
            .misconfigured, seen: "azure-search-openai-demo issue 1157"),
        .init(
            "azure", 404, "DeploymentNotFound", nil,
            "The API deployment for this resource does not exist. If you created the deployment "
                + "within the last 5 minutes, please wait a moment and try again.",
            .modelAccess, seen: "chatbox issue 646"),
        .init(
            "azure", 404, "404", nil,
            "Resource not found",
            .modelAccess, seen: "chat.md issue 2"),
        .init(
            "azure", 400, "OperationNotSupported", nil,
            "The completion operation does not work with the specified model, gpt-35-turbo. Please "
                + "choose different model and try again.",
            .callerFault, seen: "azure-search-openai-demo-csharp issue 158"),
        .init(
            "azure", 403, "403", nil,
            "Your resource has been temporarily blocked because we detected behavior that may "
                + "violate our content policy.",
            .account, seen: "CowAgent issue 2374"),
        .init(
            "azure", 429, "RateLimitReached", nil,
            "The system is currently experiencing high demand and cannot process your request. Your "
                + "request exceeds the maximum usage size allowed during peak load. Please retry after 20 "
                + "seconds.",
            .rateLimit, seen: "pollinations issue 6260"),
    ]

    private static let vendors: [FailureFixture] = [
        .init(
            "openai", 401, "account_deactivated", "invalid_request_error",
            "The OpenAI account associated with this API key has been deactivated.",
            .account, seen: "openplayground issue 143"),
        .init(
            "openai", 429, "billing_not_active", "billing_not_active",
            "Your account is not active, please check your billing details on our website.",
            .account, seen: "litellm issue 2743"),
        .init(
            "openai", 429, nil, nil,
            "Your access was terminated due to violation of our policies, please check your email "
                + "for more information.",
            .account, seen: "TaskMatrix issue 78"),
        .init(
            "openai", 403, nil, "invalid_request_error",
            "Your organization must be verified to use the model `gpt-image-1`. Please go to: "
                + "https://platform.openai.com/settings/organization/general and click on Verify "
                + "Organization.",
            .modelAccess, seen: "mulmocast-app issue 1090"),
        .init(
            "openai", 400, "unsupported_value", "invalid_request_error",
            "Your organization must be verified to stream this model. Please go to: "
                + "https://platform.openai.com/settings/organization/general and click on Verify "
                + "Organization.",
            .callerFault, seen: "continue issue 8209"),
        .init(
            "openai", 400, "unsupported_value", "invalid_request_error",
            "Your organization must be verified to generate reasoning summaries.",
            .callerFault, seen: "continue issue 9067"),
        .init(
            "openai", 200, "context_length_exceeded", "invalid_request_error",
            "This model's maximum context length is 4097 tokens. However, your messages resulted in "
                + "6988 tokens.",
            .tooLong, seen: "ChatPDF issue 6"),
        .init(
            "anthropic", 400, nil, "invalid_request_error",
            "Output blocked by content filtering policy",
            .policy, seen: "claude-code issue 37547"),
        .init(
            "anthropic", 200, nil, "invalid_request_error",
            "Output blocked by content filtering policy",
            .policy, seen: "claude-code issue 58367"),
        .init(
            "anthropic", 200, nil, "invalid_request_error",
            "messages.3: all messages must have non-empty content",
            .callerFault, seen: "the same shape"),
        .init(
            "anthropic", 403, nil, "forbidden",
            "Request not allowed",
            .misconfigured, seen: "big-AGI issue 176"),
        .init(
            "anthropic", 403, nil, "permission_error",
            "OAuth authentication is currently not allowed for this organization.",
            .credential, seen: "claude-code issue 65714"),
        .init(
            "anthropic", 429, nil, "rate_limit_error",
            "This request would exceed your account's rate limit. Please try again later.",
            .rateLimit, seen: "claude-code issue 71669"),
        .init(
            "anthropic", 400, nil, "invalid_request_error",
            "model: String should have at most 256 characters",
            .callerFault, seen: "claude-code issue 5676"),
        .init(
            "gemini", 403, "403", "PERMISSION_DENIED",
            "Permission denied: Consumer 'api_key:AIza' has been suspended.",
            .credential, seen: "generative-ai-docs issue 356"),
        .init(
            "gemini", 403, "403", "PERMISSION_DENIED",
            "You do not have permission to access the File abc or it may not exist.",
            .callerFault, seen: "python-genai issue 1218"),
        .init(
            "gemini", 403, "403", "PERMISSION_DENIED",
            "CachedContent not found (or permission denied)",
            .callerFault, seen: "probe notes on GitHub"),
        .init(
            "gemini", 403, "403", "PERMISSION_DENIED",
            "Method doesn't allow unregistered callers (callers without established identity). "
                + "Please use API Key or other form of API consumer identity to call this API.",
            .credential, seen: "generative-ai-python issue 463"),
        .init(
            "gemini", 429, "429", "RESOURCE_EXHAUSTED",
            "Resource has been exhausted (e.g. check quota).",
            .rateLimit, seen: "gemini-cli issue 2020"),
        .init(
            "gemini", 429, "429", "RESOURCE_EXHAUSTED",
            "You exceeded your current quota, please check your plan and billing details. For more "
                + "information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits.",
            .quota, seen: "gemini-for-kubernetes-development issue 1215"),
        .init(
            "gemini", 429, "429", "RESOURCE_EXHAUSTED",
            "No capacity available for model on the server",
            .rateLimit, seen: "gemini-cli issue 26633"),
        .init(
            "mistral", 429, "1300", "rate_limited",
            "Rate limit exceeded",
            .rateLimit, seen: "cline issue 9085"),
        .init(
            "mistral", 429, nil, "invalid_request_error",
            "Service tier capacity exceeded for this model.",
            .rateLimit, seen: "continue issue 6185"),
        .init(
            "mistral", 503, nil, nil,
            "Service tier capacity exceeded for this model.",
            .transient, seen: "litellm pull 25078"),
        .init(
            "mistral", 401, nil, nil,
            "Unauthorized",
            .credential, seen: "OmniRoute issue 7638"),
    ]

    private static let relays: [FailureFixture] = [
        .init(
            "openrouter", 402, "402", nil,
            "This request requires more credits, or fewer max_tokens. You requested up to 225702 "
                + "tokens, but can only afford 92985. To increase, visit "
                + "https://openrouter.ai/settings/credits and add more credits",
            .rateLimit, seen: "qwen-code issue 73"),
        .init(
            "openrouter", 402, "402", nil,
            "This request requires more credits, or fewer max_tokens. You requested up to 32000 "
                + "tokens, but can only afford 0. To increase, visit https://openrouter.ai/settings/keys",
            .quota, seen: "opencode issue 12219"),
        .init(
            "openrouter", 402, "402", nil,
            "Prompt tokens limit exceeded: 230799 > 91442. To increase, visit "
                + "https://openrouter.ai/settings/keys and create a key with a higher monthly limit",
            .rateLimit, seen: "opencode issue 12219"),
        .init(
            "openrouter", 402, "402", nil,
            "More credits are required to run this request. 128000 token capacity required, 19484 "
                + "available. To increase, visit https://openrouter.ai/settings/keys",
            .rateLimit, seen: "forgecode issue 571"),
        .init(
            "openrouter", 403, "403", nil,
            "Key limit exceeded (total limit). Manage it using https://openrouter.ai/settings/keys",
            .quota, seen: "inspector issue 1287"),
        .init(
            "openrouter", 403, "403", nil,
            "Provider returned error",
            .misconfigured, seen: "plandex issue 270"),
        .init(
            "openrouter", 200, "403", nil,
            "Provider returned error",
            .misconfigured, seen: "openrouter-examples issue 18"),
        .init(
            "openrouter", 403, "403", nil,
            "The request is prohibited due to a violation of provider Terms Of Service.",
            .policy, seen: "coarse issue 183"),
        .init(
            "openrouter", 404, "404", nil,
            "No endpoints found that support tool use. Try disabling \"question\". To learn more "
                + "about provider routing, visit: "
                + "https://openrouter.ai/docs/guides/routing/provider-selection",
            .callerFault, seen: "kilocode issue 9006"),
        .init(
            "openrouter", 404, "404", nil,
            "No endpoints found matching your data policy (Paid model training). Configure: "
                + "https://openrouter.ai/settings/privacy",
            .modelAccess, seen: "unoplat-code-confluence issue 1080"),
        .init(
            "opencode", 403, nil, nil,
            "Error from provider (Console Go): Upstream request failed: [403] This model is not "
                + "available in your region.",
            .restricted, seen: "opencode issue 41518"),
        .init(
            "groq", 413, "rate_limit_exceeded", "tokens",
            "Request too large for model `llama-3.3-70b-versatile` in organization `org_0` service "
                + "tier `on_demand` on tokens per minute (TPM): Limit 6000, Requested 10338, please reduce "
                + "your message size and try again.",
            .rateLimit, seen: "podscript issue 20"),
    ]

    private static let servers: [FailureFixture] = [
        .init(
            "vllm", 400, "400", "BadRequestError",
            "max_tokens must be at least 1, got -186.",
            .tooLong, seen: "vllm issue 4667"),
        .init(
            "vllm", 400, "400", "BadRequestError",
            "max_tokens must be at least 1, got 0.",
            .callerFault, seen: "the same shape"),
        .init(
            "vllm", 400, "400", "BadRequestError",
            "This model's maximum context length is 2048 tokens. However, your request has 8 input "
                + "tokens plus 2045 'max_tokens'. Please reduce one or the other.",
            .tooLong, seen: "vllm pull 33425"),
        .init(
            "vllm", 400, "400", "BadRequestError",
            "You passed 98305 input tokens and requested 32768 output tokens. However, the model's "
                + "context length is only 131072 tokens, resulting in a maximum input length of 98304 "
                + "tokens. Please reduce the length of the input prompt.",
            .tooLong, seen: "litellm logs on GitHub"),
        .init(
            "vllm", 400, "400", "BadRequestError",
            "The decoder prompt (length 21535) is longer than the maximum model length of 16384.",
            .tooLong, seen: "xorbitsai/inference issue 3785"),
        .init(
            "vllm", 500, nil, nil,
            "[address=0.0.0.0:43769, pid=1065] The decoder prompt (length 66501) is longer than the "
                + "maximum model length of 65536.",
            .transient, seen: "deepagents issue 468"),
        .init(
            "llama.cpp", 400, "400", "exceed_context_size_error",
            "the request exceeds the available context size. try increasing the context size or "
                + "enable context shift",
            .tooLong, seen: "llama.cpp pull 15780"),
        .init(
            "llama.cpp", 200, "400", "exceed_context_size_error",
            "the request exceeds the available context size. try increasing the context size or "
                + "enable context shift",
            .tooLong, seen: "textgen issue 7257"),
        .init(
            "llama.cpp", 500, "500", "server_error",
            "input is too large to process. increase the physical batch size",
            .transient, seen: "llama.cpp issue 11105"),
        .init(
            "llama-cpp-python", 400, nil, "invalid_request_error",
            "Requested tokens (2285) exceed context window of 2048",
            .tooLong, seen: "logdetective-website pull 193"),
        .init(
            "llama.cpp", 500, "500", "exceed_context_size_error",
            "the request exceeds the available context size.",
            .transient, seen: "llama.cpp pull 15780"),
        .init(
            "ollama", 404, nil, "api_error",
            "model \"ollama\" not found, try pulling it first",
            .modelAccess, seen: "QAnything issue 555"),
        .init(
            "ollama", 404, nil, nil,
            "model 'llama3:latest' not found, try pulling it first",
            .modelAccess, seen: "Flowise issue 2335"),
        .init(
            "ollama", 503, nil, nil,
            "Server overloaded, please retry shortly (ref: aaa65c70)",
            .capacity, seen: "ollama issue 15934"),
        .init(
            "ollama", 429, nil, nil,
            "you (user) have reached your session usage limit, upgrade for higher limits: "
                + "https://ollama.com/upgrade",
            .quota, seen: "continue issue 11444"),
        .init(
            "ollama", 429, nil, nil,
            "you've reached your hourly usage limit, please wait or upgrade to continue",
            .quota, seen: "continue issue 9233"),
        .init(
            "ollama", 429, nil, nil,
            "you (user) have reached your weekly usage limit, upgrade for higher limits: "
                + "https://ollama.com/upgrade or add extra usage: https://ollama.com/settings",
            .quota, seen: "hermes-agent pull 68832"),
        .init(
            "ollama", 403, nil, nil,
            "this model requires a subscription, upgrade for access: https://ollama.com/upgrade "
                + "(ref: b7b9f6f9)",
            .modelAccess, seen: "ollama issue 15741"),
        .init(
            "ollama", 401, nil, nil,
            "unauthorized",
            .credential, seen: "ollama issue 13776"),
        .init(
            "ollama", 400, nil, "invalid_request_error",
            "the input length exceeds the context length",
            .tooLong, seen: "openclaw documentation"),
        .init(
            "ollama", 500, nil, nil,
            "an unknown error was encountered while running the model ",
            .transient, seen: "ollama issue 6888"),
    ]
}
